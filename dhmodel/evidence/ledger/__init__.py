"""What published findings say: the files in ``findings``, and the schema that holds them."""

from dhmodel.evidence.ledger.entries import FOLDER, Criterion, Finding, Use, finding, findings, load
from dhmodel.evidence.ledger.protocol import Protocol, Run

__all__ = ["FOLDER", "Criterion", "Finding", "Protocol", "Run", "Use", "finding", "findings", "load"]
