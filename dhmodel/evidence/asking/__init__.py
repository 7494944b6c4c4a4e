"""Protocols that are data: plans of their runs, and numbers as expressions over what was recorded."""
