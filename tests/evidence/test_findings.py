"""
Every finding of the ledger that is about fibres alone: what passed must pass, what failed must still fail.

The failing ones stay in the ledger, failing; `experiments/scs_findings.py` prints all with their numbers.
When one of them begins to pass, or another begins to fail, this test says so.
"""

from inspect import signature

import pytest

from dhmodel.evidence.catalogue import PROTOCOLS, verdict
from dhmodel.evidence.ledger import findings

pytestmark = pytest.mark.evidence

#: Findings that the model does not show, with its numbers (seed 7, five replicates).
FAILING = {
    "evoke24_window": "spread of recruitment 0.29 of that in open loop, at most 0.2 wanted",
    "shechter2013_cap_depression": "weak 50 Hz lowers the CAP (0.68), strong trains do not (0.97, 1.00)",
}


def of_fibres(entry):
    return "run" not in signature(PROTOCOLS[entry.protocol]).parameters


@pytest.mark.parametrize("name", [name for name, entry in findings().items() if of_fibres(entry)])
def test_finding(name, seed, replicates):
    answer = verdict(name, replicates, seed)
    print(answer.line())
    expected = "fails" if name in FAILING else "passes"
    assert answer.status == ("compared" if findings()[name].use == "model" else expected), answer.line()


def test_every_protocol_belongs_to_a_finding():
    assert {entry.protocol for entry in findings().values()} == set(PROTOCOLS)
