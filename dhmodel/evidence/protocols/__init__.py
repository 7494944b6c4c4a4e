"""Protocols that are Python functions, by name."""
