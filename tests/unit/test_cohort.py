"""States of the cord and the cords of a cohort: which are drawn, how, and that they stay the same."""

import math
from functools import lru_cache

import numpy as np
import pytest

import dhmodel as dh
from dhmodel.circuit.conditions import axons_cut
from dhmodel.errors import InputError
from dhmodel.parameters import parameter, paths, resolve, states
from dhmodel.parameters.layout import DESCENDING, population_sizes
from dhmodel.parameters.registry import load
from dhmodel.simulate import plan
from dhmodel.stimulation.elsewhere import relayed
from dhmodel.sweep.spec import build_spec

NUMBER = 300


@lru_cache
def cords(state, number):
    return [resolve(name) for name in dh.cohort(state, number)]


def values(state, path, number=NUMBER):
    return np.array([P[path] for P in cords(state, number)])


def odds(fraction):
    return np.log(fraction / (1 - fraction))


# states


def test_the_presets_of_the_issue_exist_and_have_cohorts():
    wanted = {"naive", "snl", "cci", "allodynic", "disinhibited", "spinalised"}
    assert wanted <= set(states())
    assert all(entry.spread for entry in states().values())


def test_presets_turn_the_knobs_they_are_about():
    P = {name: resolve(name) for name in states()}
    injured = {
        path
        for path in paths()
        if path.startswith(("injury", "receptor")) and P["snl"][path] != P["naive"][path]
    }
    assert "injury.ectopic_c_fraction" in injured and "injury.glycine" not in injured
    release = [P[name]["injury.gaba_release"] for name in ("naive", "cci", "allodynic")]
    ambient = [P[name]["receptor.gaba_b.activation"] for name in ("naive", "cci", "allodynic")]
    assert release == sorted(release, reverse=True) and len(set(release)) == 3
    assert np.array(ambient) / ambient[0] == pytest.approx([1, 0.7, 0.28])  # Stiller et al. 1996
    assert P["cci"]["injury.glycine"] == P["cci"]["injury.gaba_a"] == 1
    changed = {path for path in paths() if P["disinhibited"][path] != P["naive"][path]}
    assert changed == {"injury.gaba_a", "injury.glycine", "injury.pad"}
    changed = {path for path in paths() if P["spinalised"][path] != P["naive"][path]}
    assert changed == {"injury.descending", "injury.dorsal_column"}


def cut(P):
    """Which cells of each descending population have lost their axons."""
    return {name: axons_cut(P, name, population_sizes(P)[name], seed=7, replicate=0) for name in DESCENDING}


def test_a_spinalised_cord_has_no_descending_axons_and_sends_nothing_up_the_column():
    P = resolve("spinalised")
    assert all(lost.all() for lost in cut(P).values())
    times, fibres = np.linspace(0, 1, 100), np.repeat(np.arange(10), 10)
    assert relayed(P, 20, (times, fibres), seed=7, replicate=0)[0].size == 0
    assert relayed(resolve(), 20, (times, fibres), seed=7, replicate=0)[0].size > 0


def test_a_cut_in_part_takes_that_part_of_the_axons_and_a_larger_one_takes_more():
    intact, third, half = (cut(resolve(set={"injury.descending": left})) for left in (1.0, 0.7, 0.5))
    sizes = population_sizes(resolve())
    for name in DESCENDING:
        assert not intact[name].any()
        assert [part[name].sum() for part in (third, half)] == [
            round(lost * sizes[name]) for lost in (0.3, 0.5)
        ]
        assert (half[name] | third[name]).sum() == half[name].sum()


STATE = '[{name}]\nabout = "a"\nsource = "s"\nread = "convention"\n'
LEAF = '["{path}"]\nvalue = {value}\nunit = "{unit}"\nsource = "s"\nread = "convention"\n{rest}\n'


def folder(tmp_path, states, **leaves):
    for name in ("drugs", "lesions"):
        (tmp_path / f"{name}.toml").write_text("")
    (tmp_path / "states.toml").write_text(states)
    text = "".join(
        LEAF.format(path=path, value=value, unit=unit, rest=rest)
        for path, (value, unit, rest) in leaves.items()
    )
    (tmp_path / "x.toml").write_text(text)
    return load(tmp_path)


def test_a_state_that_is_like_another_says_what_differs(tmp_path):
    text = STATE.format(name="naive") + '[naive.spread]\n"a" = { draw = "normal", sd = 1 }\n'
    text += STATE.format(name="hurt") + 'like = "naive"\n[hurt.set]\n"a" = "3 mV"\n"b" = "4 mV"\n'
    text += STATE.format(name="worse") + 'like = "hurt"\n[worse.set]\n"b" = "5 mV"\n'
    registry = folder(tmp_path, text, a=(1, "mV", ""), b=(2, "mV", ""))
    P = registry.resolve("worse")
    assert (P["a"], P["b"]) == (0.003, 0.005)
    assert registry.resolve("worse#1")["a"] == registry.resolve("hurt#1")["a"] != 0.003


@pytest.mark.parametrize("like", ["hurt", "worse", "nothing"])
def test_a_state_that_is_like_none_or_itself_is_refused(tmp_path, like):
    text = STATE.format(name="worse") + 'like = "hurt"\n' + STATE.format(name="hurt") + f'like = "{like}"\n'
    with pytest.raises(InputError, match=r"states.toml: \w+ is like \"\w+\", which is no other state"):
        folder(tmp_path, text)


# cords


def test_names_of_a_cohort():
    assert dh.cohort("snl", 3) == ["snl#0", "snl#1", "snl#2"]
    assert dh.cohort("snl", 12)[:3] == dh.cohort("snl", 3)


def test_a_cord_is_always_the_same_and_no_other():
    assert resolve("snl#3") == resolve("snl#3") != resolve("snl#4")
    assert len({resolve(name).digest() for name in dh.cohort("snl", 50)}) == 50


def test_cords_differ_in_what_the_state_lists_alone():
    for state, entry in states().items():
        preset, cord = resolve(state), resolve(f"{state}#2")
        differing = {path for path in paths() if preset[path] != cord[path]}
        # a fraction of none or of all stays what it is
        fixed = {
            path
            for path, spread in entry.spread.items()
            if spread.draw == "logitnormal" and preset[path] in (0, 1)
        }
        assert differing == set(entry.spread) - fixed


def test_draws_have_the_stated_distributions():
    tolerance = 4 / math.sqrt(NUMBER)
    for state in ("naive", "snl"):
        for path, spread in states()[state].spread.items():
            scale = np.log if spread.draw == "lognormal" else odds
            z = (scale(values(state, path)) - scale(resolve(state)[path])) / spread.sd
            assert abs(z.mean()) < tolerance and abs(z.std() - 1) < tolerance, path


def test_draws_of_different_knobs_are_independent():
    drawn = np.array([values("snl", path) for path in states()["snl"].spread])
    correlation = np.corrcoef(np.log(drawn))[np.triu_indices(len(drawn), 1)]
    assert np.abs(correlation).max() < 4 / math.sqrt(NUMBER)


def test_a_cord_of_two_states_is_the_same_animal():
    for path in ("injury.gaba_release", "receptor.gaba_b.activation", "injury.kcc2"):
        order = [np.argsort(values(state, path, 40)).tolist() for state in ("snl", "allodynic")]
        assert order[0] == order[1]


def test_normal_draws_are_in_the_unit_of_the_parameter_and_clipped(tmp_path):
    text = STATE.format(name="naive") + '[naive.spread]\n"a" = { draw = "normal", sd = 2 }\n'
    registry = folder(tmp_path, text, a=(1, "mV", "min = 0"))
    drawn = np.array([registry.resolve(f"naive#{cord}")["a"] for cord in range(NUMBER)])
    assert drawn.min() == 0 and 0.2 < (drawn == 0).mean() < 0.42  # P(z < -1/2) = 0.31
    assert drawn[drawn > 0].std() == pytest.approx(1.45e-3, rel=0.2)  # of a normal cut at -1/2 sd


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        ({"a": (1, "1", "integer = true")}, "a is no quantity, it cannot have a spread"),
        ({"b": (1, "1", "")}, 'unknown parameter "a" in state "naive#0"'),
    ],
)
def test_a_spread_of_what_has_none_is_refused(tmp_path, leaf, message):
    text = STATE.format(name="naive") + '[naive.spread]\n"a" = { draw = "normal", sd = 2 }\n'
    with pytest.raises(InputError, match=message):
        folder(tmp_path, text, **leaf).resolve("naive#0")


def test_a_cord_serves_wherever_a_state_does():
    made = plan(state="snl#3", set={"injury.kcc2": 0.5})
    assert made.state == "snl#3" and made.parameters["injury.kcc2"] == 0.5
    assert made.parameters["injury.gaba_release"] == resolve("snl#3")["injury.gaba_release"]
    spec = build_spec({"state": dh.cohort("snl", 2)}, replicates=1)
    assert [one.parameters.digest() for one in spec.plans] == [
        resolve(name).digest() for name in ("snl#0", "snl#1")
    ]
    assert spec.label(1) == "state=snl#1"


def test_the_seed_of_a_simulation_does_not_change_the_animal():
    assert plan(state="snl#3", seed=1).parameters == plan(state="snl#3", seed=2).parameters


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("snk#3", 'unknown state "snk#3"; allowed: naive'),
        ("snl#", 'state: got "snl#", needs a whole number after #, such as snl#0'),
        ("snl#-1", "needs a whole number"),
        ("snl#03", "needs a whole number"),
        ("snl#1.5", "needs a whole number"),
        ("snl#1#2", "needs a whole number"),
        ("snl#" + 5000 * "1", "needs a whole number"),
        ("#1", 'unknown state "#1"'),
    ],
)
def test_refused_cords(name, message):
    with pytest.raises(InputError, match=message) as error:
        resolve(name)
    assert "\n" not in str(error.value)


def test_a_state_without_spread_has_no_cords(tmp_path):
    registry = folder(tmp_path, STATE.format(name="naive"), a=(1, "1", ""))
    with pytest.raises(InputError, match='state: got "naive#1", but naive has no spread'):
        registry.resolve("naive#1")


@pytest.mark.parametrize(
    ("state", "number", "message"),
    [
        ("snk", 3, 'unknown state "snk#0"'),
        ("snl", 0, "cohort: got 0 cords, needs a whole number from 1 to 1000000"),
        ("snl", 2.5, "cohort: got 2.5"),
        ("snl", True, "cohort: got True"),
    ],
)
def test_refused_cohorts(state, number, message):
    with pytest.raises(InputError, match=message):
        dh.cohort(state, number)


def test_every_spread_parameter_stays_in_its_range():
    for state, entry in states().items():
        for path in entry.spread:
            found, step = parameter(path), 1e-12
            drawn = values(state, path, 60)
            assert found.minimum is None or drawn.min() >= found.minimum - step
            assert found.maximum is None or drawn.max() <= found.maximum + step
