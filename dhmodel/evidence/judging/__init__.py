"""Verdicts on findings, the baseline of what is known to pass, and robustness."""
