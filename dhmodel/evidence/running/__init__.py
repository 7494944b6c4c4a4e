"""What runs for the ledger, unit by unit, and where it is kept."""
