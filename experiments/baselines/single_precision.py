"""
Whether states in single precision change what the circuit answers: rates beside those in double precision.

A dozen plans, several replicates each. Single spikes move from one precision to the other, as they do from
one seed to the next; a finding moves if the mean over replicates does. So the difference of every rate is
compared with its own spread over replicates.

    python experiments/baselines/single_precision.py [REPLICATES]
"""

import sys
from statistics import NormalDist

import numpy as np

from dhmodel.parameters.layout import POPULATIONS
from dhmodel.simulate import measure, plan, prepare

#: Paradigm, test stimulus, state.
PLANS = [
    (paradigm, stimulus, state)
    for state in ("naive", "snl")
    for paradigm, stimulus in (
        ("none", "spontaneous"),
        ("none", "pinch"),
        ("none", "brush"),
        ("tonic", "pinch"),
        ("burst", "pinch"),
        ("tonic", "spontaneous"),
    )
]


def differences(replicates: int) -> np.ndarray:
    """Difference of rates, double less single, Hz, shape (plans, populations, replicates)."""
    found = []
    for paradigm, stimulus, state in PLANS:
        rates = []
        for target in ("cpp", "cpp_double"):
            one = plan(paradigm, stimulus=stimulus, state=state, duration="2 s", target=target)
            prepare(one)
            rates.append([measure(one, number)["rate"] for number in range(replicates)])
        found.append((np.array(rates[1]) - np.array(rates[0])).T)
    return np.array(found)


def main() -> None:
    """Print the differences that are largest for their spread, and what chance would give."""
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    off = differences(replicates)
    mean, error = off.mean(axis=2), off.std(axis=2, ddof=1) / np.sqrt(replicates)
    t = np.divide(mean, error, out=np.zeros_like(mean), where=error > 0)
    print(f"{t.size} rates over {replicates} replicates, double less single precision")
    print(f"mean difference {mean.mean():+.3f} Hz, largest {np.abs(mean).max():.2f} Hz")
    print(f"mean of t {t.mean():+.2f}, standard deviation {t.std():.2f} (chance: about 1.1 to 1.2)")
    expected = NormalDist().inv_cdf(1 - 0.5 / t.size)
    print(f"largest |t| {np.abs(t).max():.1f} (normal errors known exactly: about {expected:.1f})")
    for number in np.argsort(-np.abs(t), axis=None)[:5]:
        row, column = np.unravel_index(number, t.shape)
        name = ", ".join(PLANS[row])
        print(f"  {name}, {POPULATIONS[column]}: {mean[row, column]:+.2f} +- {error[row, column]:.2f} Hz")


if __name__ == "__main__":
    main()
