"""Afferent fibres: which there are, and what each is like."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.column import make_column
from dhmodel.stimulation.cord import circuit_fibres
from dhmodel.stimulation.fibres import make_fibres, members


def test_fibre_properties_have_the_stated_moments():
    P = resolve(set={"circuit.AB.number": 20000, "circuit.CN.number": 20000})
    fibres = make_fibres(P, 1, 0)
    assert fibres.conduction[members(P, "CN")].mean() == pytest.approx(0.2, rel=0.01)
    assert fibres.conduction[members(P, "CN")].std() == pytest.approx(0.02, rel=0.03)


def column(P):
    fibres = make_fibres(P, 1, 0)
    return make_column(P, fibres, circuit_fibres(P, 1, 0), 1, 0)


def test_branches_of_the_column_have_the_stated_spread():
    line = column(resolve(set={"circuit.AB.number": 20000}))
    assert line.latency.mean() == pytest.approx(1.5e-3, rel=0.1)
    assert np.median(line.follow_half) == pytest.approx(110, rel=0.01)
    assert np.log(line.follow_half).std() == pytest.approx(0.2, rel=0.03)


def test_a_column_fibre_keeps_its_properties_when_the_fractions_change():
    part = column(resolve(set={"column.AB_fraction": 0.5, "column.IA_fraction": 0.25}))
    whole = column(resolve())
    assert part.index.size < whole.index.size
    kept, also = np.isin(whole.index, part.index), np.isin(part.index, whole.index)
    for name in ("latency", "conduction", "follow_half"):
        assert getattr(whole, name)[kept].tolist() == getattr(part, name)[also].tolist()


def test_members_of_parts():
    P = resolve()
    assert members(P, "AB.centre").size + members(P, "AB.surround").size == members(P, "AB").size
    assert set(members(P, "AB.centre.SAI")) == set(members(P, "AB.centre")) & set(members(P, "AB.SAI"))
    assert not set(members(P, "AB.RA")) & set(members(P, "AB.SAI"))
    for name in ("AX", "AB.middle", "AD.centre"):
        with pytest.raises(InputError, match="nearest"):
            members(P, name)
