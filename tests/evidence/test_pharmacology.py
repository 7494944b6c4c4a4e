"""Spinal drugs on evoked responses: signs, and what of touch they spare.

Baclofen: Dickenson et al. 1985 Neuropharmacology (C and pinch responses fall, touch hardly); Malan et al.
2002 Anesthesiology 96:1161 (blocking GABA-B sensitises). Morphine: P115 (C strongly, A slightly); naloxone:
P116 (there is a tone). Clonidine: PMC9727263 (Adelta, C and post-discharge fall).
"""

import numpy as np
import pytest

from dhmodel import simulate

pytestmark = pytest.mark.evidence

HALF = {"circuit.scale": 0.5}


@pytest.fixture(scope="module")
def pinched(seed, replicates):
    """Rate of WDR cells under pinch, Hz, shape (replicate,), by drugs."""

    def rate(state="naive", **drugs):
        ds = simulate(
            stimulus="pinch",
            state=state,
            drugs=drugs,
            set=HALF,
            seed=seed,
            replicates=replicates,
            duration="2 s",
        )
        return ds["rate"].sel(population="WDR").values

    return rate


@pytest.fixture(scope="module")
def counted(seed, replicates):
    """Spikes of a WDR cell after one shock, in a window, shape (replicate,)."""

    def count(window, **drugs):
        ds = simulate(stimulus="volley", drugs=drugs, set=HALF, seed=seed, replicates=replicates)
        return ds["count"].sel(population="WDR", window=window).isel(stimulus_index=0).values

    return count


def test_baclofen_lowers_the_answer_to_pinch_and_its_antagonist_raises_it(pinched):
    plain, less, more = pinched(), pinched(baclofen=0.3), pinched(phaclofen=1)
    assert (less < plain).all() and (plain < more).all()
    assert pinched(baclofen=0.3, phaclofen=1) == pytest.approx(more)


def test_morphine_lowers_c_responses_and_spares_abeta(counted):
    for window, low, high in (("C", 0, 0.7), ("Abeta", 0.8, 1.2)):
        assert low <= counted(window, morphine=0.5).mean() / counted(window).mean() <= high


def test_naloxone_raises_c_responses(counted):
    assert counted("C", naloxone=1).mean() > 1.05 * counted("C").mean()


def test_clonidine_lowers_adelta_c_and_post_discharge(counted):
    for window in ("Adelta", "C", "post"):
        assert counted(window, clonidine=0.5).mean() < 0.7 * counted(window).mean()


def test_a_cut_cord_answers_more(pinched):
    assert (pinched("spinalised") > pinched("naive")).all()


def test_states_order_the_answer_to_pinch(pinched):
    # by what they lose of inhibition; the injured feel the pinch through fewer fibres than the others
    naive, disinhibited, cci, allodynic = (
        np.mean(pinched(state)) for state in ("naive", "disinhibited", "cci", "allodynic")
    )
    assert naive < 0.9 * disinhibited and naive < cci < allodynic
