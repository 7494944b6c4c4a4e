"""Build the circuit once, run it many times."""
