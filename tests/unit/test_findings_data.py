"""Entries of the ledger: none is missing, each says where it is from, none asks what cannot be asked."""

import csv
import re
from pathlib import Path

import pytest

from dhmodel.evidence.asking.checks import check
from dhmodel.evidence.asking.numbers import units
from dhmodel.evidence.asking.trials import plans
from dhmodel.evidence.ledger import Protocol, findings
from dhmodel.evidence.protocols.catalogue import PROTOCOLS

#: Rows of the collection of published findings: id, area and use of each, as collected.
ROWS = list(csv.DictReader((Path(__file__).parent / "finding_rows.csv").open(encoding="utf-8")))

#: Entries beyond the collection: lesion targets of the parameter table (P039 to P041), and receptors of the
#: cord without stimulation, which never gate.
LESION = {"keller2007_touch", "sciatic_spontaneous", "snl_wdr_counts"}
#: The second claim of a row that is an entry of its own.
SECOND = {"yakhnitsa1998_aftereffect"}
#: Rows P103 to P116 of the parameter table: DNIC, cells of the rostral ventromedial medulla, receptors of the
#: cord on which descending axons act.
BRAINSTEM = {
    "P103_dnic_cells",
    "P104_dnic_c_fibre",
    "P105_dnic_source",
    "P106_rvm_heat",
    "P107_rvm_duration",
    "P108_rvm_turns",
    "P109_rvm_rest",
    "P110_rvm_injured",
    "P111_rvm_morphine",
    "P112_ht3_modalities",
    "P113_ht3_gaba",
    "P114_alpha2_spontaneous",
    "P115_morphine_windup_rat",
    "P116_morphine_windup_depth",
}
SHOWN = {"dickenson_morphine", "naloxone_windup", "patel2018_alpha2", "ccd2015_gaba_agonists"}

WITH_DATA = [name for name, entry in findings().items() if isinstance(entry.protocol, Protocol)]


def those(condition):
    """Ids of the entries for which something holds."""
    return [name for name, entry in findings().items() if condition(entry)]


def test_every_row_is_an_entry_and_every_entry_a_row():
    assert len(ROWS) == 132
    assert findings().keys() == {row["id"] for row in ROWS} | LESION | SECOND | BRAINSTEM | SHOWN
    assert {findings()[name].use for name in SHOWN} == {"unverified"}


def test_area_and_use_are_those_of_the_row():
    found = {row["id"]: (findings()[row["id"]].area, findings()[row["id"]].use) for row in ROWS}
    assert found == {row["id"]: (row["area"], row["use"]) for row in ROWS}


def test_an_entry_cites_a_source_and_says_what_was_seen():
    assert not those(lambda entry: len(entry.statement) < 20 or not entry.published)
    assert not those(lambda entry: not re.search(r"[A-Z]", entry.citation))
    assert not those(lambda entry: entry.doi and not re.match(r"10\.\d{4,}/\S+", entry.doi))


def test_what_was_not_read_does_not_gate():
    assert not those(lambda entry: entry.read == "memory, unverified" and entry.use != "unverified")


def test_an_entry_is_asked_or_says_what_it_waits_for():
    assert not those(lambda entry: entry.asked == bool(entry.not_modelled))
    assert not those(lambda entry: entry.asked != bool(entry.criteria))


@pytest.mark.parametrize("name", WITH_DATA)
def test_a_protocol_can_be_planned(name):
    entry = findings()[name]
    check(name, entry)
    assert plans(entry, seed=7, where=name).keys() == entry.protocol.runs.keys()
    assert units(name, entry, seed=7)


def test_every_python_protocol_belongs_to_an_entry():
    assert {e.protocol for e in findings().values() if isinstance(e.protocol, str)} == set(PROTOCOLS)


def test_most_physiology_of_the_cord_is_modelled():
    spinal = [e for e in findings().values() if e.area.startswith("scs/") and e.use == "physiology"]
    assert len(spinal) >= 60
    assert sum(entry.asked for entry in spinal) / len(spinal) >= 0.8


@pytest.mark.parametrize(
    "one, other",
    [
        ("crosby2015_gabab", "meuwissen2020_gaba_both"),
        ("yakhnitsa1998_allodynic_only", "rankin2024_synchrony"),
    ],
)
def test_rivals_name_each_other(one, other):
    for mine, rival in ((one, other), (other, one)):
        author, year = re.match(r"([a-z]+)(\d{4})", rival).groups()
        assert f"{author.capitalize()} {year}" in findings()[mine].scenario.partition("against")[2]
