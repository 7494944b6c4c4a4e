"""
How the spikes of dorsal-column fibres appear at two recording contacts.

A spike is a line of membrane current that travels along its fibre: the second derivative of the action
potential. The potential of it at a contact, t after it has passed, in a homogeneous medium, is::

    strength * integral of i(s) / sqrt((t - s)^2 + passing^2) ds

where passing is the distance of the contact over the velocity, and i(s) the second derivative of an action
potential that is a Gaussian of standard deviation `duration` before its peak, and of `asymmetry` times that
after it. P1, N1 and P2 follow, and so does how the potential widens and weakens with distance. The current of
an axon grows with its cross-section, and weakens with the square of the length of the action potential, which
grows with velocity: strength goes with (diameter / velocity)^2. What is left out: the layers of the cord, and
the onset of a spike, whose approach is not cut off where it starts next to the contact.

Spikes superpose, so everything is a histogram of arrival times convolved with the shape of one fibre's
potential; fibres are gathered by passing time, and the shape is interpolated between a few of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dhmodel.errors import InputError, unknown
from dhmodel.parameters import choice
from dhmodel.stimulation.cord import CordFibres, preset
from dhmodel.stimulation.trains import Floats, Indices

type Spectra = NDArray[np.complex128]

__all__ = ["Recorder", "Source", "lead_recorder", "recorder", "recording_gain"]

SPECIES = ("rat", "human")
_LENGTH = 10e-6 / 50.0  # s, diameter over velocity, where `ecap.amplitude` holds
_SHAPES = 8  # shapes between which those of the fibres are interpolated
_TAIL = 6.0  # extents of the source after which the potential has died away
_ENDS = 7.0  # extents within which the current of a source lies
_CELLS = 400  # of constant current into which the source is cut
_MOVES = 12  # distances to each side at which the loss of potential is tabulated


@dataclass(frozen=True, eq=False)
class Source:
    """
    Membrane current of one spike.

    Attributes
    ----------
    duration : float
        Standard deviation of the action potential before its peak, in s.
    asymmetry : float
        How much slower it falls than it rises.
    """

    duration: float
    asymmetry: float

    @property
    def extent(self) -> float:
        """Standard deviation of the longer phase of the action potential, in s."""
        return self.duration * max(1.0, self.asymmetry)

    def potential(self, time: Floats, passing: Floats) -> Floats:
        """
        Potential of a source of strength 1.

        Parameters
        ----------
        time : ndarray of float64
            After the peak of the action potential has passed, in s.
        passing : ndarray of float64
            Distance over velocity, in s; of a shape that broadcasts with `time`.
        """
        edges = _ENDS * self.extent * np.linspace(-1, 1, _CELLS + 1)
        # exact for a current constant in each cell; it sums to nothing, as the slope vanishes at both ends
        current = np.diff(self._slope(edges)) / np.diff(edges) * self.duration**2
        reached = np.arcsinh((time[..., None] - edges) / passing[..., None])
        return -np.diff(reached, axis=-1) @ current

    def _slope(self, time: Floats) -> Floats:
        """First derivative of the action potential of height 1."""
        width = np.where(time < 0, self.duration, self.asymmetry * self.duration)
        return -time / width**2 * np.exp(-((time / width) ** 2) / 2)


@dataclass(frozen=True, eq=False)
class Recorder:
    """
    How the spikes of the modelled fibres appear at two contacts, the second subtracted from the first.

    Attributes
    ----------
    arrival : ndarray of float64, shape (contacts, fibres)
        Time from the launch of a spike until it passes the contact, in s.
    weight : ndarray of float64, shape (contacts, fibres)
        Strength in V, of all real fibres that a modelled one stands for; negative where subtracted.
    passing : ndarray of float64, shape (fibres,)
        Distance from the line of the contacts over the velocity, in s.
    source : Source
    sampling : float
        In Hz.
    window : float
        How long after a pulse its response is recorded, in s.
    noise : float
        Standard deviation of each recorded sample, in V.
    """

    arrival: Floats
    weight: Floats
    passing: Floats
    source: Source
    sampling: float
    window: float
    noise: float
    _grid: Floats = field(init=False)
    _bin: Indices = field(init=False)
    _share: Floats = field(init=False)
    _scaled: Floats = field(init=False)
    _shapes: dict[int, Spectra] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        low, high = np.log(self.passing.min()), np.log(self.passing.max())
        position = (np.log(self.passing) - low) / max(high - low, 1e-12) * (_SHAPES - 1)
        lower = np.minimum(position.astype(np.int64), _SHAPES - 2)
        object.__setattr__(self, "_grid", np.exp(np.linspace(low, high, _SHAPES)))
        object.__setattr__(self, "_bin", lower)
        object.__setattr__(self, "_share", position - lower)
        # the depth is exact for each fibre, only the shape is interpolated
        depth = -self.source.potential(np.zeros(self.passing.size), self.passing)
        object.__setattr__(self, "_scaled", self.weight * depth)

    @property
    def samples(self) -> int:
        """Number of samples of one response."""
        return round(self.window * self.sampling)

    @property
    def times(self) -> Floats:
        """Shape (samples,): time of each sample of a response after the onset of its pulse, in s."""
        return np.arange(self.samples) / self.sampling

    @property
    def margin(self) -> int:
        """Samples before and after a spike passes beyond which its potential has died away."""
        return int(np.ceil(_TAIL * (self.source.extent + self._grid[-1]) * self.sampling))

    def superpose(self, row: Indices, time: Floats, fibre: Indices, rows: int, samples: int) -> Floats:
        """
        Sum the potentials of spikes into rows of samples that each begin at time 0.

        Parameters
        ----------
        row, time, fibre : ndarray, shape (spikes,)
            Row of each spike, its launch in s relative to the beginning of the row, and its fibre.
        rows, samples : int
            Shape of the result.

        Returns
        -------
        ndarray of float64, shape (rows, samples)
            In V.
        """
        span = samples + 2 * self.margin
        length = 1 << span.bit_length()
        place = (time + self.arrival[:, fibre]) * self.sampling + self.margin
        heard = (place >= 0) & (place < span)
        place = np.where(heard, place, 0.0)
        cell = place.astype(np.int64)
        # each spike is shared between the nearest samples, and between the nearest shapes
        late, beyond = place - cell, self._share[fibre]
        soon = np.where(heard, self._scaled[:, fibre], 0.0)
        later = soon * late
        soon = soon - later
        key = (row * _SHAPES + self._bin[fibre]) * length + cell
        keys = np.concatenate([key, key + 1, key + length, key + length + 1])
        weights = np.concatenate([soon * (1 - beyond), later * (1 - beyond), soon * beyond, later * beyond])
        counts = np.bincount(keys.ravel(), weights.ravel(), rows * _SHAPES * length)
        spectrum = np.fft.rfft(counts.reshape(rows, _SHAPES, length)) * self._spectra(length)
        summed = np.fft.irfft(spectrum.sum(axis=1), length)
        return summed[:, self.margin : self.margin + samples]

    def _spectra(self, length: int) -> Spectra:
        """Fourier transforms of the shapes, of depth 1, passing at time 0 of a circle of `length` samples."""
        if length not in self._shapes:
            near = np.arange(-self.margin, self.margin + 1)
            shapes = np.zeros((_SHAPES, length))
            shapes[:, near] = self.source.potential(near / self.sampling, self._grid[:, None])
            self._shapes[length] = np.fft.rfft(-shapes / shapes[:, :1])
        return self._shapes[length]


def recorder(
    P: Mapping[str, float],
    species: str,
    diameter: Floats,
    velocity: Floats,
    reach: Floats,
    count: Floats | None = None,
) -> Recorder:
    """
    Set up the recording of a population of fibres.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters; group ``ecap``.
    species : str
        ``"rat"`` or ``"human"``, which has its own distances and numbers of fibres.
    diameter, velocity : ndarray of float64, shape (fibres,)
        In m and m/s.
    reach : ndarray of float64, shape (fibres,)
        Distance of each fibre from the line of the contacts, in m.
    count : ndarray of float64, shape (fibres,), optional
        Real fibres for which each modelled one stands; by default ``ecap.<species>.fibres`` shared evenly.

    Returns
    -------
    Recorder

    Raises
    ------
    InputError
        Unknown species, no fibres, arrays of different length, or a value that is not positive.
    """
    if species not in SPECIES:
        raise unknown("species", species, SPECIES)
    if count is None:
        count = np.full(diameter.size, P[f"ecap.{species}.fibres"] / max(diameter.size, 1))
    _check(diameter=diameter, velocity=velocity, reach=reach, count=count)
    first = P[f"ecap.{species}.distance"]
    along = np.array([[first], [first + P[f"ecap.{species}.spacing"]]])
    strength = P["ecap.amplitude"] / P["ecap.conductivity"] * (diameter / velocity / _LENGTH) ** 2
    return Recorder(
        arrival=along / velocity,
        weight=np.array([[1.0], [-1.0]]) * strength * count,
        passing=reach / velocity,
        source=Source(P["ecap.duration"], P["ecap.asymmetry"]),
        sampling=P["ecap.sampling"],
        window=P["ecap.window"],
        noise=P["ecap.noise"],
    )


def lead_recorder(P: Mapping[str, float], fibres: CordFibres) -> Recorder:
    """
    Set up the recording of fibres of the dorsal column by contacts of the stimulating lead.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters; groups ``ecap``, ``anatomy`` and ``lead``.
    fibres : CordFibres
        Of which each stands for the same number of real ones.

    Returns
    -------
    Recorder
    """
    above = preset(P, "csf_thickness") + P["lead.lift"] + fibres.depth
    reach = np.hypot(above, fibres.lateral - P["lead.lateral"])
    return recorder(P, choice(P, "anatomy.species"), fibres.diameter, fibres.velocity, reach)


def recording_gain(record: Recorder, velocity: Floats, farther: Floats) -> Floats:
    """
    Work out how much of the potential is left when the contacts move away from the fibres.

    Parameters
    ----------
    record : Recorder
        At rest.
    velocity : ndarray of float64, shape (fibres,)
        In m/s.
    farther : ndarray of float64, shape (times,)
        Added to the distance of the contacts from each fibre, in m.

    Returns
    -------
    ndarray of float64, shape (times,)
        Depth of N1 of all fibres together if they fired as one; 1 where nothing has moved.

    Raises
    ------
    InputError
        The contacts would touch a fibre.
    """
    low, high = min(float(farther.min(initial=0.0)), -1e-6), max(float(farther.max(initial=0.0)), 1e-6)
    nearest = float((record.passing * velocity).min())
    if low <= -nearest:
        raise InputError(f"recording contacts: got {low:g} m farther from fibres {nearest:g} m away")
    grid = np.append(np.linspace(low, 0.0, _MOVES), np.linspace(0.0, high, _MOVES)[1:])
    still = np.zeros(velocity.size)
    depth = [
        record.weight[0] @ record.source.potential(still, record.passing + move / velocity) for move in grid
    ]
    return np.interp(farther, grid, np.array(depth) / depth[_MOVES - 1])


def _check(**arrays: Floats) -> None:
    sizes = {values.size for values in arrays.values()}
    if len(sizes) > 1 or 0 in sizes:
        shapes = ", ".join(f"{name} {values.size}" for name, values in arrays.items())
        raise InputError(f"ECAP: needs one or more fibres, and as many of each; got {shapes}")
    for name, values in arrays.items():
        if not (np.isfinite(values) & (values > 0)).all():
            raise InputError(f"ECAP: {name} must be positive and finite for every fibre")
