"""
Calibrate the default weights: what is wanted of cells and fibres, what was moved, and by what it was judged.

``python experiments/calibrate.py [PATH=VALUE ...]`` prints every target (``calibration_targets.py``) with the
model's value, with some parameters at other values if told so. Objective: the sum over all targets of the
squared distance of the model's value from its band, in units of the band's width, at most 1 each, so that no
single target rules. Nothing is tuned per finding: all targets are scored with one set. Three replicates of
seed 1000, which no test and no finding uses.

What moved the present set: moves by hand, judged by these targets and by the ledger's protocols, and last the
search of ``screen.py``, which scores findings on many sets at once. Of an earlier set: Powell's COBYLA on six
weights lowered the objective by less than one per cent (2.425 to 2.417), so moves by hand went on. When
inputs got a spatial profile that does not depend on size and GABA-B its cooperativity, about forty more moves
followed: WDR cells nearer to their threshold with weaker Abeta synapses (so that fewer follow every pulse),
GABA-B in place of GABA-A for sustained stimulation, less of both on the way to lamina I.

Then some ten sets by hand, judged by the card's runs and by the ledger's protocols on seed 1000 (two
replicates), for stimulation at 2 to 15 Hz, which excited lamina I and WDR cells: tactile cells are driven
through NMDA more than AMPA receptors, so that feed-forward inhibition meets one synchronous volley while
touch, which lasts, gets through; WDR cells hear less of Abeta fibres directly and lie nearer to threshold;
inhibitory cells keep more of their answer to asynchronous input; inhibition of WDR cells is weaker, since it
has less to hold back. Injury: the ectopic share counts uninjured C fibres alone, and excitatory cells gain
less from each other. The column nuclei and their weights on the brainstem were set with it, so that seconds
of stimulation leave most of a pinch.

When boutons of inhibitory cells began to run out (seed 1000, some forty sets by hand, judged by rates at
rest, under touch and pinch with and without 50 Hz, by single Abeta shocks and by wind-up under AP5, then by
the ledger's protocols): touch survives more of 50 Hz, and the C spikes of a train too. A depletion of 0.1
to 0.15, nearer to slices, let 50 Hz excite WDR cells at rest; 0.05 does so less (injured, 0.6 to 0.7 of
their firing left on seed 1000, but 1.03 on seed 7, where Guan et al. (2010) was lost by it). Tactile cells
are held back by GABA-A more than before, so that injury opens what glycine alone keeps closed. WDR cells
hear ambient GABA, by the after-effect of Lindblom et al. (1977).

When the dorsal column became as deep as anatomy has it, stimulation at 90 % of motor threshold recruited 46 %
of its fibres instead of 99 %, and inhibited too little (about twenty sets by hand, seed 1000, three to five
replicates, judged by the ledger's protocols). PV and glycinergic cells got a larger leak and stronger Abeta
synapses, so that volleys of the column move them more than touch, whose spikes come apart in time; the gate
of tactile cells shifted from GABA-A towards GABA-B, inhibition of WDR cells towards glycine and PV cells, and
PV cells hold back C terminals more (Sdrulla et al. 2015). Slow states that follow the rates of Abeta and GABA
cells got lower halves.

That set was too inhibited: one of its cords had hot tactile cells, which 50 Hz excited, and means over cords
hid how far it silenced the others. Since then what varies from cell to cell is drawn evenly (`dhmodel.even`),
so that a few cords tell of the others, and sets are judged by the chance that five unseen cords pass: for
every criterion of the acute spinal findings the normal distribution with the mean and the spread of three or
four cords (seed 1000, some twenty sets by hand). Boutons of PV and glycinergic cells run out faster, with
larger synapses: one pulse inhibits as deeply, 50 Hz less, as the antagonists of Meuwissen et al. (2020), the
C spikes of Shechter et al. (2013) and the pinch of Lindblom and Meyerson (1975) want. Inhibition of tactile
and WDR cells comes from nearer, so that a root, which drives the centre alone, inhibits too (Guan et al.
2010); GABA-A of injured cells is lower, since what holds their touch back is glycine more than before.

The present set was searched with ``screen.py``: 28 factors, 32 rows, then five sets on five cords each, of
which the last was taken: 13.3 of 35 findings were expected to pass before, 16.9 with it. Two moves were
put back: ectopic C fibres fire at the 1.8 Hz that Djouhri et al. (2006) measured, which should have been no
factor, and the chloride shift after ligation stays, since glia and cytokines begin from it. GABA-A of injured
cells stopped at 0.4 (the search went on to 0.36). Boutons of PV and glycinergic cells run out a little more
(0.25 in place of 0.24) and tactile cells hear a little more of NMDA, by hand, for touch after injury and for
burst against tonic. What the search gave up is Meuwissen et al. (2020), which failed before as well: more of
the inhibition of tactile cells is GABA-B, which bicuculline leaves.

After it, by hand on seed 1000: less calcium per spike of WDR cells (0.38), for wind-up at 0.1 Hz; excitatory
cells after ligation gain nothing from each other (1.03 before); less of 5-HT3 on terminals (0.36, 0.5
before); the spread of axon thresholds of Hales et al. (2004). Two further sets from the linear models of that
search, held against what they had missed, were no better (16.6 and 16.8 of 34 against 17.1): one of them held
Meuwissen et al. on the mean of five cords, with more GABA-A, less glycine and GABA-B on tactile cells, and
lost Yakhnitsa et al. (1998) and Gmel et al. (2023). Of slow states: depression of C-fibre synapses (new),
ambient GABA that rises with the square of rates, less enkephalin at low rates (Sdrulla, Lindblom, Stiller; in
their sources). Twice to three times the noradrenaline outside cells, with which half of the effect of 50 Hz
needed the descending path (Saade et al. 2015; 0.63 left without it), was put back: magnetic pulses that leave
touch and a first session as they are (T03, T08) relieved both.
"""

import sys
from collections.abc import Mapping, Sequence

import numpy as np
from calibration_targets import RUNS, TARGETS, Results

from dhmodel.evidence.protocols.runs import Run, in_pool, replicated
from dhmodel.simulate import Plan, plan

SEED, WORKERS, REPLICATES = 1000, 2, 3


def plans(settings: Mapping[str, object]) -> dict[str, Plan]:
    """Plan of every run, with `settings` in force."""
    return {
        name: plan(
            run.get("paradigm", "none"),
            **{key: value for key, value in run.items() if key not in ("paradigm", "set")},
            set=dict(settings) | run.get("set", {}),
            seed=SEED,
        )
        for name, run in RUNS.items()
    }


def score(settings: Mapping[str, object], run: Run) -> dict[str, float]:
    """Value of every target."""
    results = Results(replicated(plans(settings), REPLICATES, run))
    return {name: float(value(results)) for name, (value, *_) in TARGETS.items()}


def misses(values: Mapping[str, float]) -> dict[str, float]:
    """Squared distance from each band in units of its width, at most 1."""
    answer = {}
    for name, value in values.items():
        _, low, high, _ = TARGETS[name]
        away = max(low - value, value - high, 0.0) / (high - low)
        answer[name] = min(away**2, 1.0) if np.isfinite(away) else 1.0
    return answer


def card(settings: Mapping[str, object]) -> None:
    """Print every target with the model's value."""
    with in_pool(WORKERS) as run:
        values = score(settings, run)
    missed = misses(values)
    for name, (_, low, high, source) in TARGETS.items():
        mark = "met" if missed[name] == 0 else "MISSED"
        print(f"{name:48s} {values[name]:8.2f}   {low:g} to {high:g}  {mark:7s} {source}")
    print(
        f"objective {sum(missed.values()):.3f}, {sum(v > 0 for v in missed.values())} of {len(missed)} missed"
    )


def main(words: Sequence[str]) -> None:
    """Print the card, with the settings that the words give."""
    if odd := [word for word in words if "=" not in word]:
        raise SystemExit(f'got "{odd[0]}", needs PATH=VALUE')
    card(dict(word.split("=", 1) for word in words))


if __name__ == "__main__":
    main(sys.argv[1:])
