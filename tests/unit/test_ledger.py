import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.evidence.asking import checks
from dhmodel.evidence.judging.verdicts import judge
from dhmodel.evidence.ledger import finding, findings, load

WITHIN = {"lowest": np.array([0.40, 0.44]), "highest": np.array([0.5, 0.5])}

ENTRY = """
[{id}]
area = "scs/tonic"
statement = "s"
citation = "c"
read = "abstract"
use = "physiology"
criteria = [{{ value = "{criterion}", max = 1, about = "a" }}]

[{id}.protocol]
every = {{ state = "snl", set = {{ "windup.delay" = "1 s" }} }}

[{id}.protocol.runs]
a = {{ stimulus = "windup" }}
b = {{ stimulus = "pinch", paradigm = "tonic", set = {{ "{path}" = {value} }} }}

[{id}.numbers]
x = "{expression}"
y = "rate(b, 'WDR')"
"""


def judged(name, answer):
    return judge(name, finding(name), answer)


def written(folder, name="x", **changes):
    given = {
        "id": "f1",
        "criterion": "x",
        "path": "tonic.frequency",
        "value": '"10 Hz"',
        "expression": "rate(a, 'WDR')",
    }
    (folder / f"{name}.toml").write_text(ENTRY.format(**given | changes))


@pytest.fixture
def check(tmp_path):
    """Write an entry with changes and check it."""

    def run(**changes):
        written(tmp_path, **changes)
        load.cache_clear()
        ((name, entry),) = load(tmp_path).items()
        checks.check(name, entry)
        return entry

    yield run
    load.cache_clear()


def test_every_finding_of_the_package_can_be_asked():
    assert len(findings()) > 20
    for name, entry in findings().items():
        checks.check(name, entry)


def test_a_finding_passes_where_every_mean_lies_within_its_bounds():
    verdict = judged("ecapt_vmt_ratio", WITHIN)
    assert verdict.status == "passes"
    assert verdict.numbers["lowest"] == pytest.approx((0.42, 0.0283), abs=1e-3)
    assert verdict.line() == "ecapt_vmt_ratio: passes; lowest 0.42 ± 0.028, highest 0.5 ± 0"


def test_a_finding_fails_with_its_number_and_what_was_wanted():
    verdict = judged("ecapt_vmt_ratio", WITHIN | {"highest": np.array([0.9])})
    assert verdict.status == "fails"
    assert "highest 0.9 ± 0 (wanted at most 0.6)" in verdict.line()


def test_findings_of_other_models_are_compared_and_never_fail():
    verdict = judged("lempka2015_thresholds", {"active_3mA": np.array([1.0])})
    assert verdict.status == "compared"
    assert verdict.broken


def test_a_number_that_could_not_be_computed_fails():
    verdict = judged("ecapt_vmt_ratio", WITHIN | {"lowest": np.array([0.4, np.nan])})
    assert verdict.status == "fails"
    assert "lowest nan ± nan (wanted at least 0.3)" in verdict.line()


def test_what_cannot_be_judged_is_an_error():
    with pytest.raises(InputError, match='unknown finding "parker2012".*nearest: "parker2012_ecap"'):
        finding("parker2012")
    with pytest.raises(InputError, match='unknown number "highest" in the protocol of ecapt_vmt_ratio'):
        judged("ecapt_vmt_ratio", {"lowest": np.array([0.4])})


def test_a_run_has_what_all_runs_share_and_its_own_settings(check):
    runs = check().protocol.merged()
    assert runs["a"].stimulus == "windup" and runs["b"].stimulus == "pinch"
    assert runs["a"].state == runs["b"].state == "snl"
    assert runs["b"].set == {"windup.delay": "1 s", "tonic.frequency": "10 Hz"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"expression": "rate(c, 'WDR')"},
            r'unknown run or number "c" in f1: numbers.x; allowed: a, b, x, y',
        ),
        ({"expression": "rte(a, 'WDR')"}, 'unknown function "rte" in f1: numbers.x.*nearest: "rate"'),
        ({"expression": "rate(a, 'WRD')"}, 'unknown population "WRD" in f1: numbers.x: rate.*nearest: "WDR"'),
        ({"expression": "rate(a)"}, r"f1: numbers.x: rate\(run, population\): missing a required argument"),
        ({"expression": "rate(a, 'WDR') + x"}, r"f1: numbers.x: .* depends on itself"),
        ({"expression": "1.0"}, 'f1: run "a" is used by no number'),
        ({"expression": "a.plan"}, r'f1: numbers.x: "a.plan" is not allowed; allowed: numbers'),
        ({"expression": "1 +"}, r'f1: numbers.x: "1 \+" is not an expression'),
        ({"criterion": "z"}, 'unknown number "z" in a criterion of f1; allowed: x, y'),
        (
            {"path": "synapse.gaba_a.scale", "value": "0.5"},
            "f1: run b: synapse.gaba_a.scale belongs to the model",
        ),
        ({"path": "tonic.freq"}, 'unknown parameter "tonic.freq" in f1: run b'),
    ],
)
def test_a_wrong_protocol_is_one_clear_line_before_anything_runs(check, changes, message):
    with pytest.raises(InputError, match=message) as error:
        check(**changes)
    assert "\n" not in str(error.value)


def test_an_id_is_there_once(tmp_path):
    written(tmp_path, "x")
    written(tmp_path, "y")
    with pytest.raises(InputError, match="y.toml: f1 is in another file too"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('use = "physiologic"', "use: Input should be"),
        ('colour = "red"', "colour: Extra inputs are not permitted"),
        ("criteria = []", "a protocol needs criteria"),
        ('not_modelled = "why"', "has a protocol and not_modelled"),
        ("published_value = [1.0, 2.0, 3.0]", "published_value needs a number, or two"),
        ('criteria = [{ value = "x", about = "a" }]', "criteria.0: Value error, needs min, max or both"),
        ('criteria = [{ value = "x", min = 2, max = 1, about = "a" }]', "min is above max"),
    ],
)
def test_a_wrong_entry_is_one_clear_line(tmp_path, line, message):
    written(tmp_path)
    text = (tmp_path / "x.toml").read_text()
    key = line.partition(" =")[0]
    kept = [one for one in text.splitlines() if not one.startswith(f"{key} =")]
    kept.insert(2, line)
    (tmp_path / "x.toml").write_text("\n".join(kept))
    with pytest.raises(InputError, match=rf"^x.toml: f1: .*{message}") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_an_entry_tells_which_scenarios_it_follows():
    known = findings()
    assert known["meuwissen2020_gaba_both"].follows == {"gaba_alone"}
    assert known["tazawa2015"].follows == {"loop_alone"}
    assert known["crosby2015_gabab"].follows == {"bursts_by_glycine"}
    assert known["saade2015_dlf"].follows == known["cui1996_baclofen"].follows == frozenset()
