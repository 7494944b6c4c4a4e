"""
The cheap findings of the ledger, on the seeds of the baseline: what passed must pass, what failed must fail.

The failing ones stay in the ledger, failing. When one of them begins to pass, or another begins to fail, this
test says so; `dhmodel validate --accept` renews the baseline, on purpose. All findings take much longer:
`dhmodel validate`.
"""

import pytest

from dhmodel.evidence.judging.baseline import FAST_SECONDS, expected, fallen, fast, risen
from dhmodel.evidence.ledger import findings
from dhmodel.evidence.validate import outcomes

pytestmark = [pytest.mark.evidence, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return outcomes(fast=True, out=tmp_path_factory.mktemp("validate"), progress=False)


def told(found, names):
    return "\n".join(found[name].verdict.line() for name in names)


def test_no_finding_that_passed_fails_now(found):
    assert not (gone := fallen(found)), told(found, gone)


def test_no_finding_that_failed_passes_now(found):
    assert not (new := risen(found)), f"renew the baseline: {told(found, new)}"


def test_every_finding_that_is_asked_is_in_the_baseline():
    assert expected().keys() == {name for name, entry in findings().items() if entry.asked}


def test_the_cheap_findings_are_a_fair_part_of_all():
    chosen = fast()
    assert sum(expected()[name].seconds for name in chosen) <= FAST_SECONDS
    assert len(chosen) >= 15
    assert any(expected()[name].verdict == "passes" for name in chosen)
