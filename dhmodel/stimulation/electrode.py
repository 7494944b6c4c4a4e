"""
Potential of the contacts of an epidural lead over a layered cord.

Epidural fat, the contact on its lower face, a thin dura, cerebrospinal fluid, and white matter that conducts
better along the cord than across it; all layers are flat. In the two-dimensional Fourier space of the layers
the potential is an exponential of depth, so it is exact at every depth. It is brought back with
Gauss-Legendre panels that shrink towards wave number zero, where the potential is singular; unlike an FFT
this has no periodic images. Frame: x along the cord (rostral positive), y across, z down from the surface
of the white matter; lengths in m.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydantic import Field as Limits

from dhmodel.stimulation.catalogue import Entry, find, load
from dhmodel.stimulation.trains import Floats, Indices

# grid step relative to the scale on which the potential varies
_STEP = 0.2
# points per Gauss-Legendre panel; a panel spans at most one period of the cosine at the farthest point
_POINTS = 6
# panels that halve in width towards wave number zero
_HALVINGS = 9
# multiplications of a matrix product below which linear algebra libraries use one thread
_ALONE = 2**18
# the spectrum is cut where the layers have attenuated it by exp(-10)
_ATTENUATION = 10.0


@dataclass(frozen=True)
class Medium:
    """
    Conductors around the electrode, as flat layers.

    Attributes
    ----------
    csf_thickness : float
        From the dura to the white matter, in m.
    fat, csf, along, across : float
        Conductivities of epidural fat, cerebrospinal fluid, and white matter along and across its fibres,
        in S/m.
    dura : float
        Resistance of the dura times area, in ohm m^2.
    """

    csf_thickness: float
    fat: float
    csf: float
    along: float
    across: float
    dura: float = 0.0


@dataclass(frozen=True)
class Contact:
    """A rectangular contact with an even current density; length along and width across the cord, in m."""

    length: float
    width: float


@dataclass(frozen=True)
class Reach:
    """Where the potential is wanted: up to `x` and `y` from the contact, from depth `top` to `bottom`, m."""

    x: float
    y: float
    top: float
    bottom: float


class Configuration(Entry):
    """
    A named way to use the contacts of a lead.

    Attributes
    ----------
    contacts : tuple of int
        Contacts in use, counted from the one over the target: 1 is its rostral, -1 its caudal neighbour.
    fractions : tuple of float
        Fraction of the current of each; positive where a cathodic pulse is a cathode, negative for returns.
    """

    contacts: list[int]
    fractions: list[float] = Limits(min_length=1)


@dataclass(frozen=True, eq=False)
class Field:
    """
    Potential of one contact at the origin, per ampere, as a table; even in x and in y.

    Attributes
    ----------
    x, y, z : ndarray of float64
        Evenly spaced grid in m: x from one step before zero, y from zero, z from the shallowest depth.
    volts : ndarray of float64, shape (z, y, x)
        In V/A; zero at infinity.
    """

    x: Floats
    y: Floats
    z: Floats
    volts: Floats

    def at(self, x: Floats, y: Floats, z: Floats) -> Floats:
        """
        Potential in V/A at points relative to the contact; shapes broadcast.

        Cubic along x, because fibres respond to second differences along it; linear in y and z. Beyond the
        table the potential falls as the inverse of x and of y, as it does far from the contact. Where `y` and
        `z` have fewer elements than `x`, as along a straight fibre, fewer look-ups are needed.
        """
        y, z = np.broadcast_arrays(np.abs(y), z)
        lines = self._lines(y, z).ravel()
        x = np.abs(x)
        column, along = _cell(x / self.x[2] + 1, self.x.size, 1)
        first = np.arange(y.size).reshape(y.shape) * self.x.size + column
        near = sum(w * lines[first + k] for k, w in enumerate(_cubic(along), start=-1))
        return near / (np.maximum(x / self.x[-2], 1.0) * np.maximum(y / self.y[-1], 1.0))

    def _lines(self, y: Floats, z: Floats) -> Floats:
        """Potential at every grid point along x for each pair of y and z, shape (pairs, x)."""
        row, across = _cell(y.ravel() / self.y[1], self.y.size, 0)
        layer, down = _cell((z.ravel() - self.z[0]) / (self.z[1] - self.z[0]), self.z.size, 0)
        across, down = across[:, None], down[:, None]
        upper, lower = (
            (1 - across) * self.volts[layer + k, row] + across * self.volts[layer + k, row + 1]
            for k in (0, 1)
        )
        return (1 - down) * upper + down * lower


@lru_cache(maxsize=1)
def configurations() -> Mapping[str, Configuration]:
    """Every named contact configuration, by name."""
    return load("contacts.toml", Configuration)


def configuration(name: str) -> dict[int, float]:
    """
    Contacts of a named configuration and the fraction of the current of each, in the order of the file.

    Raises
    ------
    InputError
        No such configuration.
    """
    entry = find("contact configuration", name, configurations())
    return dict(zip(entry.contacts, entry.fractions, strict=True))


@lru_cache(maxsize=32)
def field(medium: Medium, contact: Contact, reach: Reach, refine: float = 1.0) -> Field:
    """
    Tabulate the potential of a contact within its reach; kept for every set of numbers asked for.

    Parameters
    ----------
    medium : Medium
    contact : Contact
    reach : Reach
    refine : float
        Multiplies the number of grid points and panels.

    Returns
    -------
    Field
    """
    # the closest point sets the scale on which the potential varies
    scale = max(medium.csf_thickness + reach.top, 0.25 * max(contact.length, contact.width))
    step = _STEP * scale / refine
    # linear interpolation needs twice the points of the cubic one
    x, y = _even(reach.x, step, -1), _even(reach.y, step / 2, 0)
    z = np.linspace(reach.top, reach.bottom, 2 + math.ceil(2 * (reach.bottom - reach.top) / step))
    limit = _ATTENUATION / scale
    kx, wx = _panels(limit, x[-1] * refine)
    ky, wy = _panels(limit, y[-1] * refine)
    spectrum = transform(medium, kx[:, None], ky, z[:, None, None])
    spectrum *= (wx * _slit(kx * contact.length / 2))[:, None] * (wy * _slit(ky * contact.width / 2))
    rows = _product(spectrum, np.cos(np.outer(ky, y)))
    volts = _product(np.cos(np.outer(x, kx)), rows) / math.pi**2
    return Field(x, y, z, np.ascontiguousarray(volts.swapaxes(1, 2)))


def transform(medium: Medium, kx: Floats, ky: Floats, z: Floats) -> Floats:
    """
    Fourier transform over x and y of the potential of a point contact at depth z, in V m^2/A.

    Continuity of potential and normal current at each boundary gives the admittance of what lies below the
    contact; the dura is a resistance in series.

    Parameters
    ----------
    medium : Medium
    kx, ky : ndarray of float64
        Wave numbers in 1/m, not both zero.
    z : ndarray of float64
        Depth in m below the surface of the white matter.
    """
    h = medium.csf_thickness
    k = np.hypot(kx, ky)
    ratio = math.sqrt(medium.along / medium.across)
    down = np.hypot(ratio * kx, ky)
    fluid, white = medium.csf * k, medium.across * down
    tanh = np.tanh(k * h)
    below = fluid * (white + fluid * tanh) / (fluid + white * tanh)
    series = 1 + medium.dura * below
    surface = 1 / (medium.fat * k * series + below)
    # of the wave that runs down through the fluid, the white matter sends back an echo
    echo = (fluid - white) / (fluid + white)
    passed = (1 + echo) / (1 + echo * np.exp(-2 * k * h))
    return surface * passed * np.exp(-k * h - down * z)


def _product(a: Floats, b: Floats) -> Floats:
    """Matrix product in pieces too small to be spread over threads, which under load wait for each other."""
    columns = max(1, _ALONE // (a.shape[-2] * a.shape[-1]))
    return np.concatenate([a @ b[..., i : i + columns] for i in range(0, b.shape[-1], columns)], axis=-1)


def _panels(limit: float, reach: float) -> tuple[Floats, Floats]:
    """Points and weights of the integral over wave numbers from 0 to `limit` for cosines up to `reach`."""
    number = max(4, math.ceil(limit * reach / (2 * math.pi)))
    even = np.linspace(0.0, limit, number + 1)
    halves = even[1] * 0.5 ** np.arange(_HALVINGS, 0, -1)
    edges = np.concatenate([[0.0], halves, even[1:]])
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (nodes + 1)).ravel(), (half * weights).ravel()


def _even(reach: float, step: float, first: int) -> Floats:
    """Multiples of a step from `first` on, with two to spare beyond the reach for the cubic."""
    return step * np.arange(first, math.ceil(reach / step) + 3, dtype=np.float64)


def _slit(half: Floats) -> Floats:
    """Transform of an even density over a length, for half the phase across it."""
    return np.sinc(half / math.pi)


def _cell(position: Floats, size: int, margin: int) -> tuple[Indices, Floats]:
    """Lower neighbour of a position in grid steps, with `margin` points beside it, and the rest."""
    inside = np.clip(position, margin, size - 1 - margin)
    lower = np.minimum(inside.astype(np.int64), size - 2 - margin)
    return lower, inside - lower


def _cubic(t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Lagrange weights of the points at -1, 0, 1 and 2 for a position between 0 and 1."""
    a, b, c, d = t + 1, t, t - 1, t - 2
    return -b * c * d / 6, a * c * d / 2, -a * b * d / 2, a * b * c / 6
