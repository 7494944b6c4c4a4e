"""
Fits what is called calibrated in ``dhmodel/parameters/electrode.toml``, and prints the thresholds.

To be run again whenever the constants of the fibre model change::

    python experiments/electrode_fit.py          # thresholds with the parameters as they are
    python experiments/electrode_fit.py --fit    # fit anew, print parameters and thresholds

With pulses of 0.2 ms on the bipolar lead. The rat's column fibres lie where anatomy has them; the deepest of
the human pool so that as many of it fire at 2 x ECAP threshold as of the rat's. Then where root fibres and
fibres of Lissauer's tract lie, so that the currents which excite the first 5 % of them are the stated
multiples of that of the column.
"""

import argparse
from collections.abc import Callable

import numpy as np

from dhmodel.parameters import resolve
from dhmodel.stimulation.cord import KINDS
from dhmodel.stimulation.electrode import configuration
from dhmodel.stimulation.recruitment import recruited, reference_thresholds, scales
from dhmodel.stimulation.waveforms import Channel, Schedule, Shape

LEAD = Channel("tonic", configuration("bipolar"))
WIDTHS = (40e-6, 100e-6, 200e-6, 500e-6, 1e-3)
MULTIPLES = np.array([1.0, 1.2, 1.5, 2.0, 3.0])
FIRST = 0.05
# bound of the lateral positions (m), half the breadth of a bundle (m), thresholds relative to the column:
# Idlett et al. 2019 for the rat; in patients discomfort begins near 1.5 x perception
SPECIES: dict[str, tuple[float, float, dict[str, float]]] = {
    "rat": (2.5e-3, 0.1e-3, {"root": 2.6, "lissauer": 4.4}),
    "human": (12e-3, 0.5e-3, {"root": 1.5}),
}
# bound of the depth of the human pool (m), and what fires of it at 2 x ECAP threshold: as of the rat's
DEEPEST, SHARE_AT_TWICE = 4e-3, 0.42

type Values = dict[str, float]


def pulse(width: float) -> Shape:
    """One cathodic phase."""
    return Shape(np.array([0.0]), np.array([width]), np.array([-1.0]))


def train(onsets: list[float], width: float = 0.2e-3) -> Schedule:
    """Equal pulses on the bipolar lead."""
    none = np.zeros(len(onsets), dtype=np.int64)
    return Schedule(np.array(onsets), np.ones(len(onsets)), none, none, (pulse(width),), (LEAD,))


def first(P: Values, kind: str, width: float = 0.2e-3) -> float:
    """Current in A that excites the first fibres of a kind."""
    return float(np.quantile(reference_thresholds(P, LEAD, pulse(width), kind), FIRST))


def share(P: Values, multiples: np.ndarray) -> np.ndarray:
    """Fraction of the column fibres that fire at multiples of the ECAP threshold."""
    return recruited(P, LEAD, pulse(0.2e-3), scales(P, train([0.0])).ecap * multiples)


def bisect(falls: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function crosses zero."""
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > 0 else (low, middle)
    return (low + high) / 2


def fit(P: Values, species: str) -> Values:
    """Calibrated parameters of a species, by path, in m; `P` is left with them."""
    farthest, half, ratios = SPECIES[species]
    group = f"anatomy.{species}"
    found = fit_depth(P, f"{group}.column") if species == "human" else {}
    for kind, ratio in ratios.items():
        found |= fit_place(P, f"{group}.{kind}", ratio, half, farthest)
    return found


def fit_depth(P: Values, group: str) -> Values:
    """Depth of the deepest column fibre, from the recruitment at twice the ECAP threshold."""
    path = f"{group}.depth_max"

    def excess(depth: float) -> float:
        P[path] = depth
        return float(share(P, np.array([2.0]))[0]) - SHARE_AT_TWICE

    P[path] = round(bisect(excess, 2 * P[f"{group}.depth_min"], DEEPEST), 5)
    return {path: P[path]}


def fit_place(P: Values, group: str, ratio: float, half: float, farthest: float) -> Values:
    """Lateral bounds of a bundle, from its threshold relative to that of the column."""
    kind = group.rpartition(".")[2]

    def place(middle: float) -> Values:
        return {f"{group}.lateral_min": middle - half, f"{group}.lateral_max": middle + half}

    def missing(middle: float) -> float:
        P.update(place(middle))
        return ratio - first(P, kind) / first(P, "column")

    found = place(round(bisect(missing, half, farthest), 5))
    P.update(found)
    return found


def report(P: Values) -> None:
    """Print thresholds over pulse widths, the recruitment curve, and the motor threshold."""
    print("current that excites the first 5 %, mA;", ", ".join(KINDS))
    for width in WIDTHS:
        print(f"  {width * 1e6:5.0f} us", *(f"{first(P, kind, width) * 1e3:8.4f}" for kind in KINDS))
    curve = zip(MULTIPLES, share(P, MULTIPLES), strict=True)
    print("recruited:", ", ".join(f"{100 * part:.0f} % at {multiple:g}" for multiple, part in curve))
    tonic = scales(P, train([0.0, 0.02, 0.04]))
    burst = scales(P, train([0.025 * group + 0.002 * k for group in range(2) for k in range(5)]))
    print(
        f"ECAP threshold {tonic.ecap * 1e3:.4f} mA = {tonic.ecap / tonic.motor:.3f} of motor threshold;",
        end=" ",
    )
    print(f"motor threshold of a burst {burst.motor / tonic.motor:.3f} of that of single pulses")


def main() -> None:
    """Report, after a fit if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--fit", action="store_true", help="fit anew")
    asked = parser.parse_args()
    for species in SPECIES:
        P: Values = dict(resolve(set={"anatomy.species": species}))
        print(f"== {species}")
        if asked.fit:
            for path, value in fit(P, species).items():
                print(f"{path} = {value * 1e3:g} mm")
        report(P)


if __name__ == "__main__":
    main()
