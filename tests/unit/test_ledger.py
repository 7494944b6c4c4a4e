import numpy as np
import pytest

from dhmodel.errors import EngineError, InputError
from dhmodel.evidence.ledger import findings, judge

WITHIN = {"lowest": np.array([0.40, 0.44]), "highest": np.array([0.5, 0.5])}


def test_every_finding_says_what_agreement_is():
    assert len(findings()) > 20
    for name, entry in findings().items():
        for one in entry.criteria:
            assert one.min is not None or one.max is not None, name


def test_a_finding_passes_where_every_mean_lies_within_its_bounds():
    verdict = judge("ecapt_vmt_ratio", WITHIN)
    assert verdict.status == "passes"
    assert verdict.numbers["lowest"] == pytest.approx((0.42, 0.0283), abs=1e-3)
    assert verdict.line() == "ecapt_vmt_ratio: passes; lowest 0.42 ± 0.028, highest 0.5 ± 0"


def test_a_finding_fails_with_its_number_and_what_was_wanted():
    verdict = judge("ecapt_vmt_ratio", WITHIN | {"highest": np.array([0.9])})
    assert verdict.status == "fails"
    assert "highest 0.9 ± 0 (wanted at most 0.6)" in verdict.line()


def test_findings_of_other_models_are_compared_and_never_fail():
    verdict = judge("lempka2015_thresholds", {"active_3mA": np.array([1.0])})
    assert verdict.status == "compared"
    assert verdict.broken


def test_what_cannot_be_judged_is_an_error():
    with pytest.raises(InputError, match='unknown finding "parker2012".*nearest: "parker2012_ecap"'):
        judge("parker2012", {})
    with pytest.raises(InputError, match='unknown number "highest" in the protocol of ecapt_vmt_ratio'):
        judge("ecapt_vmt_ratio", {"lowest": np.array([0.4])})
    with pytest.raises(EngineError, match="ecapt_vmt_ratio: lowest is not finite"):
        judge("ecapt_vmt_ratio", WITHIN | {"lowest": np.array([np.nan])})
