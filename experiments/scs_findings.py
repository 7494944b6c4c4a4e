"""Ask the model for every finding of the ledger, and print the verdicts.

``python experiments/scs_findings.py [ID ...]``: five replicates of seed 7, which no calibration has used; a
few minutes on two cores with a compiled circuit. ``physiology`` findings pass or fail, those of other models
are compared.
"""

import sys
import time

from dhmodel.evidence.catalogue import verdict
from dhmodel.evidence.ledger import finding, findings
from dhmodel.evidence.runs import in_pool

SEED, REPLICATES, WORKERS = 7, 5, 2


def main(names: list[str]) -> None:
    """Print one line per finding, then how many pass."""
    chosen = names or list(findings())
    tally: dict[str, int] = {}
    with in_pool(WORKERS) as run:
        for name in chosen:
            begun = time.perf_counter()
            answer = verdict(name, REPLICATES, SEED, run)
            tally[answer.status] = tally.get(answer.status, 0) + 1
            print(f"{answer.line()}  [{time.perf_counter() - begun:.0f} s]", flush=True)
            if limits := finding(name).limits:
                print(f"    limits: {limits}")
    print(", ".join(f"{number} {status}" for status, number in sorted(tally.items())))


if __name__ == "__main__":
    main(sys.argv[1:])
