"""Published findings as protocols that the model answers."""
