"""
Published findings, and asking the model for them.

`ledger` holds what they say, `protocols` what is asked in Python, `asking` what is asked as data; `running`
runs it, `judging` gives verdicts, `telling` writes reports.
"""
