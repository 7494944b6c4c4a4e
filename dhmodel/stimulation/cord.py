"""
Nerve fibres under the electrode: where they run, how thick they are, how fast they conduct.

Frame: x along the cord from contact 0 of the lead (rostral positive), y across from the midline, z down from
the surface of the white matter; all in m.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dhmodel.errors import unknown
from dhmodel.even import QUANTILES, normal
from dhmodel.parameters import choice
from dhmodel.parameters.layout import positions, surround
from dhmodel.stimulation.fibres import fibre_sizes, members
from dhmodel.stimulation.sites import conduction_velocity, node_spacing
from dhmodel.stimulation.trains import Floats, Indices
from dhmodel.streams import stream

# column: large fibres of the dorsal column; root: cutaneous fibres that enter through a dorsal root;
# motor: the spindle (Ia) fibres of such a root; lissauer: fine fibres at the entry zone
KINDS = ("column", "root", "motor", "lissauer")

# independent properties of a fibre, each set by one number between 0 and 1
_DRAWS = ("diameter", "lateral", "depth", "offset", "entry", "terminal")


@dataclass(frozen=True, eq=False)
class CordFibres:
    """
    Fibres under the electrode; every array has one entry per fibre.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    index : ndarray of int64
        Which fibre of the circuit it is, ascending; just a number in a reference population.
    diameter, spacing : ndarray of float64
        Outer diameter, and distance of neighbouring nodes, in m.
    velocity : ndarray of float64
        Conduction velocity in the column, in m/s.
    lateral, depth : ndarray of float64
        Position in the cord, in m.
    offset : ndarray of float64
        Place of a node on the fibre, in node distances from 0 to 1.
    entry : ndarray of float64
        Where a root fibre enters the cord, along it, in m.
    angle : float
        Between root and cord, in rad; 0 where the fibre runs straight along the cord.
    latency : ndarray of float64
        From the electrode to the terminals in the simulated segment, in s.
    """

    kind: str
    index: Indices
    diameter: Floats
    spacing: Floats
    velocity: Floats
    lateral: Floats
    depth: Floats
    offset: Floats
    entry: Floats
    angle: float
    latency: Floats

    def __len__(self) -> int:
        return self.index.size

    def nodes(self, reach: float) -> tuple[Floats, Floats, Floats]:
        """
        Positions of the nodes of Ranvier within `reach` m along the fibre, both ways.

        Returns
        -------
        x, y, z : ndarray of float64, shape (fibres, nodes)
            In m; y and z of straight fibres have shape (fibres, 1). A straight fibre has its middle under
            contact 0; a root fibre has it where it enters: caudal of that it lies on the surface and comes
            from the side, rostral of it it runs along the cord.
        """
        half = math.ceil(reach / float(self.spacing.min(initial=np.inf))) if len(self) else 1
        along = (np.arange(-half, half + 1) + self.offset[:, None] - 0.5) * self.spacing[:, None]
        if self.angle == 0:
            return along, self.lateral[:, None], self.depth[:, None]
        outside, inside = np.minimum(along, 0.0), np.maximum(along, 0.0)
        x = self.entry[:, None] + inside + outside * math.cos(self.angle)
        y = self.lateral[:, None] - outside * math.sin(self.angle)
        depth = self.depth[:, None]
        return x, y, depth * -np.expm1(-inside / depth)


def preset(P: Mapping[str, float], name: str) -> float:
    """Value of an anatomical parameter, such as ``"column.diameter"``, for the chosen species."""
    return P[f"anatomy.{choice(P, 'anatomy.species')}.{name}"]


def circuit_fibres(P: Mapping[str, float], seed: int, replicate: int) -> CordFibres:
    """
    The circuit's fibres that run in the dorsal column under the electrode, in one replicate.

    The stated fractions of AB and IA, fewer the more segments the lead lies rostral of the simulated one.
    Every fibre keeps its properties whatever the fractions, and those under a rostral lead are among those
    under a caudal one.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    seed, replicate : int
        The same arguments give the same fibres.

    Returns
    -------
    CordFibres
    """
    index = np.sort(np.concatenate([_in_column(P, name, seed, replicate) for name in ("IA", "AB")]))
    sizes = fibre_sizes(P)
    total = sum(sizes.values())
    of_class = [_even(n, len(_DRAWS), stream(seed, replicate, f"cord.{name}")) for name, n in sizes.items()]
    draws = dict(zip(_DRAWS, np.concatenate(of_class, axis=1)[:, index], strict=True))
    far = np.zeros(total, dtype=np.bool_)
    far[members(P, "AB")] = surround(P)
    draws["lateral"] = _somatotopic(P, index, draws["lateral"])
    return _make(P, "column", index, draws, far[index])


def _somatotopic(P: Mapping[str, float], index: Indices, draws: Floats) -> Floats:
    """
    Place of AB fibres across the column, 0 medial to 1 lateral, following the map of the skin.

    A Gaussian copula of the field's position and of the draw: as even as the draw, and correlated.
    """
    own, firmness = np.isin(index, members(P, "AB")), preset(P, "column.somatotopy")
    skin = (1 + positions(P, "AB")[index[own] - members(P, "AB")[0]]) / 2
    score = firmness * normal(skin) + math.sqrt(1 - firmness**2) * normal(draws[own])
    placed = draws.copy()
    placed[own] = np.searchsorted(QUANTILES, score) / QUANTILES.size
    return placed


def reference(P: Mapping[str, float], kind: str = "column", number: int = 1000) -> CordFibres:
    """
    A reference population, evenly spread over the distributions of its properties; no randomness.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    kind : str
        One of `KINDS`.
    number : int
        How many fibres.

    Returns
    -------
    CordFibres

    Raises
    ------
    InputError
        Unknown kind.
    """
    if kind not in KINDS:
        raise unknown("kind of fibre", kind, KINDS)
    names = (*_DRAWS, "surround")
    draws = dict(zip(names, _even(number, len(names)), strict=True))
    return _make(P, kind, np.arange(number), draws, draws["surround"] < P["circuit.AB.surround"])


def distance(P: Mapping[str, float]) -> float:
    """Distance in m along the cord from the electrode to the simulated segment."""
    return preset(P, "distance") + P["lead.level"] * preset(P, "segment_length")


def reaching(P: Mapping[str, float]) -> float:
    """Fraction of the segment's column fibres that still run in the column under the lead."""
    stay = preset(P, "projecting")
    return stay + (1 - stay) * math.exp(-P["lead.level"] / preset(P, "leaving"))


def _in_column(P: Mapping[str, float], name: str, seed: int, replicate: int) -> Indices:
    """The fibres of a class that run in the dorsal column under the lead: a random choice."""
    fibres = members(P, name)
    order = stream(seed, replicate, f"column.{name}").permutation(fibres)
    return order[: round(P[f"column.{name}_fraction"] * reaching(P) * fibres.size)]


def _make(
    P: Mapping[str, float], kind: str, index: Indices, draws: Mapping[str, Floats], far: np.ndarray
) -> CordFibres:
    """Fibres of a kind from numbers between 0 and 1; `far` marks those with fields in the surround."""
    # spindle fibres run in the same roots as cutaneous ones, and differ in diameter
    place = "root" if kind == "motor" else kind

    def even(name: str) -> Floats:
        low, high = preset(P, f"{place}.{name}_min"), preset(P, f"{place}.{name}_max")
        return low + (high - low) * draws[name]

    spread = preset(P, f"{kind}.diameter_sd") * normal(draws["diameter"])
    diameter = preset(P, f"{kind}.diameter") * np.exp(spread)
    velocity = conduction_velocity(P, diameter)
    lateral = even("lateral")
    if kind == "column":
        lateral = lateral + preset(P, "column.surround_shift") * far
    return CordFibres(
        kind=kind,
        index=index,
        diameter=diameter,
        spacing=node_spacing(P, diameter),
        velocity=velocity,
        lateral=lateral,
        depth=even("depth"),
        offset=draws["offset"],
        entry=preset(P, "segment_length") * (draws["entry"] - 0.5),
        angle=preset(P, "root.angle") if place == "root" else 0.0,
        latency=distance(P) / velocity + _terminal(P, draws["terminal"]),
    )


def _terminal(P: Mapping[str, float], draws: Floats) -> Floats:
    """Time from the column through a collateral to its terminals, lognormal over fibres, in s."""
    mean, sd = P["column.terminal_delay"], P["column.terminal_delay_sd"]
    variance = math.log1p((sd / mean) ** 2)
    return np.exp(math.log(mean) - variance / 2 + math.sqrt(variance) * normal(draws))


def _even(number: int, dimensions: int, rng: np.random.Generator | None = None) -> Floats:
    """
    Points that fill the unit cube evenly in all dimensions at once, shape (dimensions, number).

    Additive recurrence with the generalised golden ratio (Roberts 2018), shifted at random if `rng` is given
    (Cranley and Patterson 1976). Fibres lie on the map of the skin by their index and the golden ratio, so
    that those of every part of it are spread alike too.
    """
    steps = _harmonious(dimensions) ** -np.arange(1.0, dimensions + 1)
    start = np.full(dimensions, 0.5) if rng is None else rng.random(dimensions)
    points: Floats = np.mod(start[:, None] + steps[:, None] * np.arange(number), 1.0)
    return points


def _harmonious(dimensions: int) -> float:
    """Root above 1 of x^(dimensions + 1) = x + 1."""
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    return ratio
