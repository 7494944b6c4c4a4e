"""Drugs and receptors: what each does to conductances, currents and release, and in which direction."""

import numpy as np
import pytest

from dhmodel import list_drugs
from dhmodel.circuit.conditions import weight_factor
from dhmodel.circuit.connectome import wiring
from dhmodel.circuit.populations import cell_arrays, source_arrays
from dhmodel.circuit.receptors import Effects, receptor_effects
from dhmodel.parameters import drugs, paths, resolve
from dhmodel.parameters.layout import (
    ELSEWHERE,
    FIBRE_CLASSES,
    POPULATIONS,
    class_of,
    population_sizes,
    source_sizes,
)

TARGETS = dict.fromkeys(("potassium", "chloride", "current", "output", "ascending"), POPULATIONS) | {
    "release": FIBRE_CLASSES
}
NOTHING = {"potassium": 0, "chloride": 0, "current": 0, "release": 1, "ascending": 1}
ACTS = [(drug, act) for drug, entry in drugs().items() for act in entry.acts]
RECEPTORS = sorted({path.split(".")[1] for path in paths() if path.startswith("receptor.")})
ACTIVE = [name for name in RECEPTORS if f"receptor.{name}.activation" in paths()]
NEUTRAL = dict.fromkeys((*POPULATIONS, *FIBRE_CLASSES), Effects())


def effects(drugs=None, state="naive", **changes):
    changes = {path.replace("__", "."): value for path, value in changes.items()}
    return receptor_effects(resolve(state, changes, drugs))


def listed(receptor):
    """Effects that a receptor's file gives: (kind, target) -> size at full activation, SI."""
    P = resolve()
    rows = [path.split(".") for path in paths() if path.startswith(f"receptor.{receptor}.")]
    return {tuple(row[2:]): P[".".join(row)] for row in rows if len(row) == 4}


@pytest.mark.parametrize("receptor", RECEPTORS)
def test_effects_have_targets_of_their_kind(receptor):
    for kind, target in listed(receptor):
        assert target in TARGETS[kind], f"receptor.{receptor}.{kind}.{target}"
    assert (receptor in ACTIVE) == bool(listed(receptor))


@pytest.mark.parametrize("receptor", ACTIVE)
def test_default_activation_is_the_tone_so_that_nothing_changes(receptor):
    P = resolve()
    assert P[f"receptor.{receptor}.activation"] == P[f"receptor.{receptor}.tone"]
    assert receptor_effects(P) == NEUTRAL


@pytest.mark.parametrize("receptor", ACTIVE)
def test_full_activation_does_what_is_listed_and_nothing_else(receptor):
    full, tone = effects(**{f"receptor__{receptor}__activation": 1}), resolve()[f"receptor.{receptor}.tone"]
    expected = {name: dict(NOTHING) for name in NEUTRAL}
    for (kind, target), size in listed(receptor).items():
        if kind in ("release", "output", "ascending"):
            of = "ascending" if kind == "ascending" else "release"
            expected[target][of] = (1 + size) / (1 + size * tone)
        else:
            expected[target][kind] = size * (1 - tone)
    for name, one in full.items():
        assert vars(one) == pytest.approx(expected[name]), name


@pytest.mark.parametrize("drug", drugs())
def test_a_dose_of_zero_is_no_drug(drug):
    assert resolve(drugs={drug: 0}) == resolve()


@pytest.mark.parametrize(("drug", "act"), [(drug, act) for drug, act in ACTS if act.sign == "agonist"])
def test_agonists_activate_and_antagonists_cancel_them(drug, act):
    path = f"receptor.{act.receptor}.activation"
    half, tone = resolve(drugs={drug: 0.5}), resolve()[path]
    assert half[path] == max(0.5 * act.share, tone)
    assert receptor_effects(half) != NEUTRAL
    free = {f"receptor.{one.receptor}.free": 0 for one in drugs()[drug].acts}
    assert receptor_effects(resolve(set=free, drugs={drug: 1})) == receptor_effects(resolve(set=free))


@pytest.mark.parametrize(("drug", "act"), [(drug, act) for drug, act in ACTS if act.sign == "antagonist"])
def test_antagonists_take_their_share_of_the_receptors(drug, act):
    for dose in (0.3, 1):
        assert resolve(drugs={drug: dose})[f"receptor.{act.receptor}.free"] == pytest.approx(
            1 - dose * act.share
        )


def test_the_order_of_agonist_and_antagonist_does_not_matter():
    # doses act in the order of their names
    one, other = {"baclofen": 0.6, "phaclofen": 0.5}, {"aminovaleric_acid": 0.5, "baclofen": 0.6}
    assert effects(one) == effects(other)
    assert effects(one)["EX"].potassium == pytest.approx(0.5e-9 * (0.6 * 0.5 - 0.1))


def test_an_antagonist_takes_away_the_tone():
    blocked = effects({"naloxone": 1})
    assert blocked["CP"].release == pytest.approx(1 / (1 - 0.65 * 0.1))
    assert blocked["EX"].potassium == pytest.approx(-0.3e-9 * 0.1)
    assert effects({"naloxone": 1})["AD"].release > effects({"naloxone": 0.5})["AD"].release > 1


def test_ambient_gaba_of_a_state_does_not_weaken_baclofen():
    assert resolve("allodynic")["receptor.gaba_b.activation"] < resolve()["receptor.gaba_b.activation"]
    assert effects({"baclofen": 1}, "allodynic")["EX"] == effects({"baclofen": 1})["EX"]


def test_injury_scales_what_drugs_do():
    muscimol, clonidine = {"muscimol": 1}, {"clonidine": 1}
    intact, less = effects(muscimol), effects(muscimol, injury__gaba_a=0.5, injury__pad=0.2)
    assert intact["EX"].chloride > 0 and intact["AB"].release < 1
    assert less["EX"].chloride == pytest.approx(0.5 * intact["EX"].chloride)
    assert 1 - less["AB"].release == pytest.approx(0.2 * (1 - intact["AB"].release))
    more = effects(clonidine, injury__alpha2=1.5)
    assert effects(clonidine)["WDR"].potassium > 0
    assert more["WDR"].potassium == pytest.approx(1.5 * effects(clonidine)["WDR"].potassium)
    # a gain cannot make release negative
    assert effects(clonidine, injury__alpha2=5)["CP"].release == 0


# which pathways antagonists block

PATHWAYS = {
    "AB.TAC.ampa": ("cnqx", "nbqx"),
    "AB.TAC.nmda": ("ap5", "mk801"),
    "CP.PN.nk1": ("nk1_antagonist",),
    "GABA_DYN.PN.gaba_a": ("bicuculline", "gabazine", "picrotoxin"),
    "GABA_PV.AB.pad": ("bicuculline", "gabazine", "picrotoxin"),
    "GABA_DYN.PN.gaba_b": ("cgp35348", "phaclofen", "aminovaleric_acid"),
    "GABA_DYN.PN.glycine": ("strychnine",),
    "OFF.PN.modulatory": ("way100635",),
    "OFF.CP.opioid": ("naloxone", "naloxone_it", "ctop"),
    "NA.WDR.modulatory": ("atipamezole", "idazoxan", "yohimbine"),
    "NA.CP.alpha2": ("atipamezole", "idazoxan", "yohimbine"),
    "A5.PN.modulatory": ("atipamezole", "idazoxan", "yohimbine"),
    "A5.AD.alpha2": ("atipamezole", "idazoxan", "yohimbine"),
    "ON.CP.ht3": ("ondansetron",),
    "ON.GABA_DYN.ampa": ("ondansetron",),
}
PARTLY = {
    ("picrotoxin", "GABA_DYN.PN.glycine"): 0.8,
    ("yohimbine", "OFF.PN.modulatory"): 0.8,
    ("methysergide", "OFF.PN.modulatory"): 0.5,
}


@pytest.mark.parametrize("drug", drugs())
def test_each_pathway_is_blocked_by_its_antagonists_alone(drug):
    full, half = resolve(drugs={drug: 1}), resolve(drugs={drug: 0.5})
    for pathway, blockers in PATHWAYS.items():
        left = PARTLY.get((drug, pathway), 0.0 if drug in blockers else 1.0)
        found = [weight_factor(P, *pathway.split(".")) for P in (full, half)]
        assert found == pytest.approx([left, (1 + left) / 2]), pathway


def test_noradrenergic_gain_multiplies_receptor_gain():
    P = resolve(set={"injury.alpha2": 1.5, "injury.noradrenaline": 0.3})
    assert weight_factor(P, "NA", "CP", "alpha2") == pytest.approx(0.45)
    assert weight_factor(P, "NA", "WDR", "modulatory") == pytest.approx(0.45)
    assert weight_factor(P, "OFF", "PN", "modulatory") == 1


def test_less_gaba_released_spares_glycine():
    P = resolve(set={"injury.gaba_release": 0.4})
    for receptor, left in (("gaba_a", 0.4), ("gaba_b", 0.4), ("glycine", 1)):
        assert weight_factor(P, "GABA_DYN", "PN", receptor) == pytest.approx(left)
    assert weight_factor(P, "GABA_PV", "AB", "pad") == pytest.approx(0.4)


# where effects arrive


def test_cells_get_conductances_and_currents_of_their_population():
    given = {"baclofen": 1, "muscimol": 1, "m_cpbg": 1}
    P, plain = resolve(drugs=given), cell_arrays(resolve(), 1, 0)
    arrays, expected = cell_arrays(P, 1, 0), receptor_effects(P)
    names = class_of(population_sizes(P))
    for name in POPULATIONS:
        own = names == name
        assert set(arrays["tonic_k"][own]) == {expected[name].potassium}
        assert set(arrays["tonic_chloride"][own]) == {expected[name].chloride}
        assert arrays["bias"][own] - plain["bias"][own] == pytest.approx(expected[name].current)
    assert not plain["tonic_k"].any() and not plain["tonic_chloride"].any()
    assert (arrays["bias"] != plain["bias"])[names == "GABA_ISL"].all()


def test_terminals_get_the_release_of_their_class():
    P = resolve(drugs={"morphine": 0.5})
    baseline, names = source_arrays(P, 1, 0)["baseline"], class_of(source_sizes(P))
    expected = receptor_effects(P)
    for name in FIBRE_CLASSES:
        assert set(baseline[names == name]) == {expected[name].release}
    assert set(baseline[np.isin(names, ELSEWHERE)]) == {1.0}
    assert expected["CP"].release < expected["AD"].release < expected["AB"].release < 1


def test_output_changes_the_synapses_of_its_population():
    small = {"circuit.scale": 0.25}
    plain, changed = (wiring(resolve(set=small, drugs=given), 1, 0) for given in ({}, {"tcb2": 1}))
    assert changed["inhibition.glycine"] == pytest.approx(1.5 * plain["inhibition.glycine"])
    assert changed["presynaptic.jump"] == pytest.approx(1.5 * plain["presynaptic.jump"])
    for unchanged in ("excitation.ampa", "from_sources.ampa", "descending.ht3_jump", "inhibition.i"):
        assert (changed[unchanged] == plain[unchanged]).all()


@pytest.mark.parametrize("lost", [0.0, 0.3, 1.0])
def test_denervated_fibres_release_nothing(lost):
    P = resolve(set={"injury.denervation.AB": lost})
    baseline, names = source_arrays(P, 1, 0)["baseline"], class_of(source_sizes(P))
    number = source_sizes(P)["AB"]
    assert (baseline[names == "AB"] == 0).sum() == round(lost * number)
    assert (baseline[names != "AB"] == 1).all()
    again, other = (source_arrays(P, 1, replicate)["baseline"] for replicate in (0, 1))
    assert (again == baseline).all()
    assert (other == baseline).all() == (lost in (0, 1))


def test_the_list_says_receptor_and_sign():
    listed = list_drugs()
    assert listed["naloxone"].startswith("mu, mu_brainstem, kappa, delta antagonist: ")
    assert listed["can_blocker"].startswith("CAN blocker: ")
    for drug, act in ACTS:
        kind = listed[drug].partition(":")[0]
        assert act.receptor in kind and act.sign in kind
