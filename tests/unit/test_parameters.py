"""Parameters: loading, resolving, refusing, identity; and the shipped files."""

import json
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import brian2 as b2
import numpy as np
import pytest

from dhmodel import parameters
from dhmodel.errors import InputError
from dhmodel.evidence.running.draws import drawn
from dhmodel.parameters import Parameters, choice, resolve
from dhmodel.parameters.registry import FOLDER, load, using
from dhmodel.stimulation.paradigms import Paradigm

FIXTURE = Path(__file__).parent / "registry"
GABA = "synapse.gaba_a"


@pytest.fixture(scope="module")
def registry():
    return load(FIXTURE)


def write(folder, **files):
    """A registry folder with these files; presets are minimal unless given."""
    naive = '[naive]\nabout = "a"\nsource = "s"\nread = "convention"\n'
    for name, text in ({"states": naive, "drugs": "", "lesions": ""} | files).items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def leaf(path="a.b", **entry):
    """TOML of one complete parameter, with changes; None leaves a key out."""
    entry = {"value": 1.0, "unit": "ms", "source": "s", "read": "abstract"} | entry
    return f"[{path}]\n" + "".join(f"{key} = {json.dumps(x)}\n" for key, x in entry.items() if x is not None)


def blocker(block):
    """TOML of a drug `d` that changes the parameters in `block`."""
    entry = '[d]\nabout = "a"\nsource = "s"\nread = "abstract"\n'
    return entry + f'acts = [{{ receptor = "r", sign = "blocker", block = {{ {block} }} }}]\n'


# loading


def test_values_units_and_inherited_sources(registry):
    number, decay = registry.parameter("circuit.PN.number"), registry.parameter(f"{GABA}.decay")
    assert (number.si, number.source, number.read) == (30, "Author 2001 Journal 1:2", "hypothesis")
    assert type(number.si) is int
    assert registry.parameter("circuit.EX.number").source == "fixture of the tests"
    assert (decay.value, decay.unit, decay.si) == (20, "ms", 0.02)
    assert registry.parameter("tonic.amplitude").si == 0.8


def test_a_parameter_prints_what_a_reader_needs(registry):
    assert str(registry.parameter("tonic.frequency")).splitlines() == [
        "tonic.frequency = 50 Hz",
        "  pulse rate",
        "  allowed: 0 Hz to 10000 Hz",
        "  source: Guan et al. 2010 Anesthesiology 113:1392",
        "  read: abstract",
    ]
    assert "allowed: at least 1, whole numbers only" in str(registry.parameter("circuit.EX.number"))
    assert "allowed: any value in ms" in str(registry.parameter(f"{GABA}.decay"))


def test_what_is_loaded_cannot_be_changed(registry):
    with pytest.raises(FrozenInstanceError):
        registry.parameter("tonic.frequency").si = 1.0
    with pytest.raises(TypeError):
        registry.parameters["tonic.frequency"] = None
    with pytest.raises(TypeError):
        registry.states["new"] = None
    with pytest.raises(TypeError):
        registry.states["snl"].set[f"{GABA}.scale"] = 1.0
    with pytest.raises(TypeError):
        registry.states["naive"].set["tonic.frequency"] = "1 Hz"
    with pytest.raises(TypeError):
        registry.drugs["bicuculline"].acts[0].block[f"{GABA}.scale"] = 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (leaf(source=None), "x.toml: a.b: source: Field required"),
        (leaf(read="somewhere"), "x.toml: a.b: read: Input should be 'abstract'"),
        (leaf(value="1"), "x.toml: a.b: value: Input should be a valid number"),
        (leaf(value=True), "x.toml: a.b: value: Input should be a valid number"),
        ("[a.b]\nvalue = nan\n", "x.toml: a.b: value: Input should be a finite number"),
        (leaf(sourced="s"), "x.toml: a.b: sourced: Extra inputs are not permitted"),
        (leaf(unit="mz"), 'a.b: unknown unit "mz"'),
        (leaf(min=2), 'a.b: got "1 ms", allowed: at least 2 ms'),
        (leaf(max=0.5), 'a.b: got "1 ms", allowed: at most 0.5 ms'),
        (leaf(unit="1", value=1.5, integer=True), "a.b: got 1.5, needs a whole number"),
        (leaf(integer=True), 'a.b: an integer parameter needs the unit "1"'),
        ("[a]\nsource = 3\n" + leaf(), "x.toml: a.source is neither"),
        ('[a]\nabout = "x"\n' + leaf(), "x.toml: a.about is neither"),
        ("[a\n", "x.toml: "),
        (leaf("tonic.frequency"), "tonic.frequency is defined in another file too"),
        (leaf(choices=["1", "2"]), "x.toml: a.b: value: Input should be a valid string"),
        (leaf(value="rat", choices=["rat"], unit=None), "x.toml: a.b: choices: List should have at least 2"),
        (leaf(value="rat", choices=["rat", "man"]), "x.toml: a.b: unit: Extra inputs are not permitted"),
        (
            leaf(value="cat", choices=["rat", "man"], unit=None),
            'unknown a.b "cat" in its default; allowed: rat',
        ),
    ],
)
def test_broken_parameter_files_are_refused(tmp_path, text, message):
    with pytest.raises(InputError) as error:
        load(write(tmp_path, scs=leaf("tonic.frequency", unit="Hz"), x=text))
    assert message in str(error.value)


CHOICE = {"value": "rat", "choices": ["rat", "human"], "unit": None}


def test_a_choice_is_one_of_its_names(tmp_path):
    registry = load(write(tmp_path, x=leaf("lead.species", about="whose cord", **CHOICE)))
    found = registry.parameter("lead.species")
    assert (found.si, found.default(), found.choices, found.unit) == ("rat", "rat", ("rat", "human"), "")
    assert str(found).splitlines()[:3] == ["lead.species = rat", "  whose cord", "  allowed: rat, human"]
    assert choice(registry.resolve(), "lead.species") == "rat"
    human = registry.resolve(set={"lead.species": "human"})
    assert choice(human, "lead.species") == "human" and human.digest() != registry.resolve().digest()
    assert Parameters(json.loads(human.json())) == human == pickle.loads(pickle.dumps(human))
    for given in ("mouse", 1, None):
        with pytest.raises(InputError, match="^unknown lead.species .*; allowed: rat, human; nearest"):
            registry.resolve(set={"lead.species": given})


def test_a_preset_may_choose_and_a_drug_may_not(tmp_path):
    states = '[naive]\nabout = "a"\nsource = "s"\nread = "convention"\n[naive.set]\n"a.b" = "human"\n'
    registry = load(write(tmp_path, x=leaf(**CHOICE), states=states, drugs=blocker('"a.b" = 1')))
    assert choice(registry.resolve(), "a.b") == "human"
    with pytest.raises(InputError, match='drug "d": a.b is a choice'):
        registry.resolve(drugs={"d": 1})


MODEL = leaf("a.b", min=0.5, about="first") + leaf("a.c", value=2) + leaf("a.d", **CHOICE)


def test_a_group_like_another_has_its_parameters_and_says_what_differs(tmp_path):
    other = '[z]\nlike = "a"\nsource = "own"\nread = "table or figure"\n[z.c]\nvalue = 3\n' + leaf("z.e")
    registry = load(write(tmp_path, a=MODEL, z=other))
    assert [path for path in registry.parameters if path.startswith("z.")] == ["z.e", "z.b", "z.c", "z.d"]
    same, own = registry.parameter("z.b"), registry.parameter("z.c")
    assert (same.si, same.minimum, same.about, same.source) == (0.001, 0.5, "first", "s")
    assert (own.si, own.unit, own.source, own.read) == (0.003, "ms", "own", "table or figure")
    assert registry.parameter("z.d").choices == ("rat", "human")
    assert registry.parameter("a.c").si == 0.002


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ('[z]\nlike = "q"\n', 'z is like "q", which has no parameters'),
        ('[z]\nlike = "a"\n[z.c]\nvalue = 3\n', "z.toml: z.c: source: Field required"),
        ('[z]\nlike = "a"\nsource = "s"\nread = "abstract"\n[z.b]\nvalue = 0.1\n', "at least 0.5 ms"),
        ('[z]\nlike = "a"\nsource = "s"\nread = "abstract"\n[z.d]\nvalue = "mouse"\n', "unknown z.d"),
    ],
)
def test_a_group_that_is_wrongly_like_another_is_refused(tmp_path, other, message):
    with pytest.raises(InputError) as error:
        load(write(tmp_path, a=MODEL, z=other))
    assert message in str(error.value)


def test_extra_parameters_join_those_of_the_package(registry):
    extra = (replace(registry.parameter("tonic.frequency"), path="mine.frequency"),)
    joined = registry.extended(extra)
    assert joined.resolve(set={"mine.frequency": "7 Hz"})["mine.frequency"] == 7
    assert joined.resolve()["mine.frequency"] == 50 and "mine.frequency" not in registry.resolve()
    with pytest.raises(InputError, match="mine.frequency: is a parameter of the package already"):
        joined.extended(extra)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("share = 1.0", "share = 0.0", "acts.0.share"),
        ("share = 1.0", "share = 1.5", "acts.0.share"),
        ("share = 1.0", "block = { }", "acts.0: Value error, a blocker needs a block"),
        ('"a.b" = 1', '"a.b" = 1.5', "acts.0.block.a.b"),
        ('sign = "blocker"', 'sign = "friend"', "acts.0.sign"),
        ("acts = [", "dose = 1\nacts = [", "dose"),
        ("acts = [", "acts = []\nb = [", "acts"),
    ],
)
def test_broken_drugs_are_refused(tmp_path, old, new, place):
    text = blocker('"a.b" = 1')
    if old.startswith("share"):
        text = text.replace('block = { "a.b" = 1 }', new)
    with pytest.raises(InputError, match=f"drugs.toml: d: {place}"):
        load(write(tmp_path, x=leaf(), drugs=text.replace(old, new)))


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"states\.toml"):
        load(tmp_path)


# resolving


def test_defaults(registry):
    resolved = registry.resolve()
    assert dict(resolved) == {path: parameter.si for path, parameter in registry.parameters.items()}
    assert resolved["tonic.frequency"] == 50
    assert resolved[f"{GABA}.reversal"] == -0.07


def test_order_is_defaults_state_set_drugs(registry):
    assert registry.resolve("snl")[f"{GABA}.scale"] == 0.5
    assert registry.resolve("snl")[f"{GABA}.reversal"] == -0.05
    assert registry.resolve("snl")["circuit.EX.number"] == 140
    assert registry.resolve("snl", {f"{GABA}.scale": 0.9})[f"{GABA}.scale"] == 0.9
    assert registry.resolve("snl", {f"{GABA}.scale": 0.9}, {"bicuculline": 0.5})[
        f"{GABA}.scale"
    ] == pytest.approx(0.54)


def test_drugs_multiply_and_dose_zero_changes_nothing(registry):
    both = registry.resolve(drugs={"bicuculline": 1.0, "other": 1.0})
    assert both[f"{GABA}.scale"] == pytest.approx(0.2 * 0.5)
    assert both[f"{GABA}.decay"] == pytest.approx(0.04)
    assert registry.resolve(drugs={"bicuculline": 0, "other": 0.0}) == registry.resolve()


@pytest.mark.parametrize(
    "given", ["20 Hz", " 0.02 kHz", 20 * b2.Hz, 0.02 * b2.kHz, "20 1/s", np.str_("20 Hz")]
)
def test_ways_to_give_a_quantity(registry, given):
    assert registry.resolve(set={"tonic.frequency": given})["tonic.frequency"] == 20


@pytest.mark.parametrize("given", [0.5, "0.5", "50 %", np.float64(0.5), np.float32(0.5)])
def test_ways_to_give_a_dimensionless_number(registry, given):
    assert registry.resolve(set={f"{GABA}.scale": given})[f"{GABA}.scale"] == 0.5


@pytest.mark.parametrize("given", [16, 16.0, "16", np.int64(16)])
def test_ways_to_give_a_whole_number(registry, given):
    result = registry.resolve(set={"circuit.PN.number": given})["circuit.PN.number"]
    assert result == 16
    assert type(result) is int


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"state": "snk"}, 'unknown state "snk"; allowed: naive, snl; nearest: "snl"'),
        ({"state": None}, "unknown state None; allowed: naive, snl"),
        ({"state": ["naive"]}, "unknown state ['naive']; allowed: naive, snl"),
        ({"set": {"tonic.frequenzy": "5 Hz"}}, 'unknown parameter "tonic.frequenzy" in set; allowed: '),
        ({"set": {"tonic.frequenzy": "5 Hz"}}, 'nearest: "tonic.frequency"'),
        ({"set": {5: "5 Hz"}}, "unknown parameter 5 in set; allowed: "),
        (
            {"set": {"tonic": "5 Hz"}},
            '"tonic" in set is a group of parameters; allowed: tonic.frequency, tonic.ampl',
        ),
        ({"set": {"tonic.frequency.x": "5 Hz"}}, 'unknown parameter "tonic.frequency.x" in set'),
        ({"set": {"tonic.frequency": 5}}, "tonic.frequency: got 5 (a bare number), needs a quantity in Hz"),
        ({"set": {"tonic.frequency": "5 mV"}}, 'tonic.frequency: got "5 mV" (volt), needs a quantity in Hz'),
        ({"set": {"tonic.frequency": "-5 Hz"}}, 'tonic.frequency: got "-5 Hz", allowed: 0 Hz to 10000 Hz'),
        (
            {"set": {"tonic.frequency": "11 kHz"}},
            'tonic.frequency: got "11000 Hz", allowed: 0 Hz to 10000 Hz',
        ),
        ({"set": {"circuit.PN.number": 2.5}}, "circuit.PN.number: got 2.5, needs a whole number such as 2"),
        ({"set": ["tonic.frequency"]}, "set: got ['tonic.frequency'], needs a mapping of name to value"),
        (
            {"drugs": {"bicuculin": 1}},
            'unknown drug "bicuculin"; allowed: bicuculline, other; nearest: "bicuculline"',
        ),
        ({"drugs": {"bicuculline": 1, 5: 1}}, "unknown drug 5; allowed: bicuculline, other"),
        ({"drugs": {"bicuculline": 1.5}}, "dose of bicuculline: got 1.5, allowed: 0 (none) to 1 (full)"),
        ({"drugs": {"bicuculline": -0.1}}, "dose of bicuculline: got -0.1, allowed: 0"),
        (
            {"drugs": {"bicuculline": "full"}},
            'dose of bicuculline: got "full" (does not begin with a number)',
        ),
        ({"drugs": {"bicuculline": True}}, "dose of bicuculline: got True (not a quantity)"),
        ({"drugs": {"bicuculline": None}}, "dose of bicuculline: got None (not a quantity)"),
        ({"drugs": "bicuculline"}, 'drugs: got "bicuculline", needs a mapping'),
    ],
)
def test_refusals(registry, arguments, message):
    with pytest.raises(InputError) as error:
        registry.resolve(**arguments)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_empty_wrong_types_are_refused_too(registry):
    with pytest.raises(InputError, match="set: got"):
        registry.resolve(set=[])


def test_bounds_are_inclusive(registry):
    assert registry.resolve(set={"tonic.frequency": "10 kHz"})["tonic.frequency"] == 10_000
    assert registry.resolve(set={"tonic.frequency": "0 Hz"})["tonic.frequency"] == 0


def test_a_preset_that_names_no_parameter_is_refused(tmp_path):
    states = '[naive]\nabout = "a"\nsource = "s"\nread = "convention"\n[naive.set]\n"a.c" = 1\n'
    with pytest.raises(InputError, match='unknown parameter "a.c" in state "naive"'):
        load(write(tmp_path, x=leaf(), states=states)).resolve()


def test_a_drug_cannot_leave_the_allowed_range(tmp_path):
    registry = load(write(tmp_path, x=leaf(max=1.5), drugs=blocker('"a.b" = -1')))
    assert registry.resolve(drugs={"d": 0.5})["a.b"] == pytest.approx(0.0015)
    with pytest.raises(InputError, match='a.b under drug "d": got "2 ms", allowed: at most 1.5 ms'):
        registry.resolve(drugs={"d": 1})


def test_doses_are_sorted_numbers(registry):
    assert registry.doses({"other": "50 %", "bicuculline": 1}) == (("bicuculline", 1.0), ("other", 0.5))
    assert registry.doses(None) == ()


# identity


def test_identity_depends_on_values_only(registry):
    written = [{"tonic.frequency": text} for text in ("20 Hz", "0.02 kHz", 20 * b2.Hz)]
    assert len({registry.resolve(set=s).digest() for s in written}) == 1
    assert len({registry.resolve(set=s) for s in written}) == 1
    assert registry.resolve() != registry.resolve("snl")
    assert registry.resolve().digest() != registry.resolve("snl").digest()
    assert Parameters({"a": 1.0, "b": 2.0}).digest() == Parameters({"b": 2.0, "a": 1.0}).digest()


def test_digest_is_frozen_and_the_same_in_every_process():
    # the first 16 digits of sha256 of {"a":0.1,"b":2}
    values = "{'b': 2, 'a': 0.1}"
    code = f"from dhmodel.parameters import Parameters; print(Parameters({values}).digest())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == Parameters({"a": 0.1, "b": 2}).digest() == "48b6a6b21495d33e"


def test_pickle_and_json_bring_back_the_same_set(registry):
    resolved = registry.resolve("snl")
    again = pickle.loads(pickle.dumps(resolved))
    assert again == resolved
    assert again.digest() == resolved.digest()
    assert Parameters(json.loads(resolved.json())) == resolved
    assert len(pickle.dumps(resolved)) < 100 * len(resolved)


def test_sets_of_the_package_hold_and_send_only_what_differs():
    plain, changed = resolve(), resolve("snl#3", {"tonic.frequency": "20 Hz"}, {"morphine": 0.5})
    sent = pickle.dumps(changed)
    assert len(sent) < 3000 < len(changed.json())
    assert pickle.loads(sent) == changed != plain
    assert pickle.loads(sent)["tonic.frequency"] == 20.0 and plain["tonic.frequency"] == 50.0


@pytest.mark.parametrize("paradigm", ["none", "own"])
def test_a_set_that_shares_is_like_one_that_does_not(paradigm):
    own = Paradigm("aaa", ({"frequency": "40 Hz"}, {"name": "zz", "contact": 2})).parameters
    shared = resolve("snl", {"tonic.amplitude": 1.2}, {"gabazine": 0.5}, own if paradigm == "own" else ())
    alone = Parameters(dict(shared.items()))
    assert list(shared) == list(alone) == sorted(shared) == [path for path, _ in shared.items()]
    assert shared == alone and hash(shared) == hash(alone) and shared.json() == alone.json()
    assert len(shared) == len(alone) and dict(shared) == dict(alone.items())
    assert (
        shared.section("tonic")
        == alone.section("tonic")
        == {path.removeprefix("tonic."): value for path, value in shared.items() if path.startswith("tonic.")}
    )
    assert shared.below("column", "cell.EX") == alone.below("column", "cell.EX")
    assert pickle.loads(pickle.dumps(shared)) == pickle.loads(pickle.dumps(alone)) == shared


def test_sets_with_drawn_defaults_are_sent_to_processes_without_them():
    with using(drawn(1)):
        other = resolve("snl")
    again = pickle.loads(pickle.dumps(other))
    assert again == other and again["cell.EX.capacitance"] != resolve("snl")["cell.EX.capacitance"]


def test_a_set_from_a_process_with_other_defaults_is_refused(monkeypatch):
    sent = pickle.dumps(resolve())
    monkeypatch.setattr(load().base, "digest", "another")
    with pytest.raises(InputError, match="from a process with other defaults"):
        pickle.loads(sent)


def test_a_resolved_set_cannot_be_changed(registry):
    resolved = registry.resolve()
    with pytest.raises(TypeError):
        resolved["tonic.frequency"] = 1.0
    with pytest.raises(AttributeError, match="frozen"):
        resolved.other = 1.0


def test_section_gives_relative_paths(registry):
    resolved = registry.resolve()
    assert resolved.section("tonic") == {"amplitude": 0.8, "frequency": 50.0}
    assert resolved.section("circuit")["EX.number"] == 150
    with pytest.raises(InputError, match='unknown parameter group "toni".*nearest: "tonic"'):
        resolved.section("toni")


# what is shipped


def problems(folder):
    """All that is wrong with parameter files, one line each; a default out of range does not even load."""
    registry = load(folder)
    lines = []
    for path, p in registry.parameters.items():
        lines += [f"{path}: no {key}" for key in ("source", "read") if not getattr(p, key).strip()]
    for state in registry.states:
        lines += _failure(f"state {state}", lambda state=state: registry.resolve(state))
    for drug in registry.drugs:
        lines += _failure(f"drug {drug}", lambda drug=drug: _acts(registry, drug))
    return lines


def _acts(registry, drug):
    if registry.resolve(drugs={drug: 1.0}) == registry.resolve():
        raise InputError("changes nothing at full dose")


def _failure(what, call):
    try:
        call()
    except InputError as error:
        return [f"{what}: {error}"]
    return []


def test_shipped_files_have_no_problems():
    assert problems(FOLDER) == []


def test_the_check_finds_problems(tmp_path):
    states = '[naive]\nabout = "a"\nsource = "s"\nread = "convention"\n[naive.set]\n"a.c" = 1\n'
    found = problems(write(tmp_path, x=leaf(source=" "), states=states))
    assert found[0] == "a.b: no source"
    assert found[1].startswith('state naive: unknown parameter "a.c"')


def test_public_functions_serve_the_shipped_folder():
    shipped = load()
    assert parameters.paths() == tuple(shipped.parameters)
    assert parameters.states() is shipped.states
    assert parameters.drugs() is shipped.drugs
    assert parameters.resolve("naive") == shipped.resolve("naive")
    assert parameters.doses(None) == ()
    with pytest.raises(InputError, match='unknown parameter "no.such.path"'):
        parameters.parameter("no.such.path")


def test_import_is_light():
    code = "import sys, dhmodel.parameters; print([m for m in ('brian2', 'xarray') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
