"""The small figure of one finding: what the model gives beside what was published and what is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from dhmodel.plots.style import COLUMN, styled

__all__ = ["Strip", "finding_figure", "finding_svg"]

INSIDE, OUTSIDE, BAND, PUBLISHED = "#0b6e4f", "#b3261e", "#d9efe4", "0.15"
ROW, EDGES = 0.36, 0.34
"""Height of a number, and of the margins together, in inches."""


@dataclass(frozen=True)
class Strip:
    """
    One number of a finding.

    Attributes
    ----------
    label : str
    values : array_like, shape (replicate,)
    low, high : float or None
        Bounds of what is accepted; None where there is none.
    holds : bool
        Whether the mean is accepted.
    published : tuple of float
        Published value, or both ends of its range; empty if there is none.
    """

    label: str
    values: ArrayLike
    low: float | None
    high: float | None
    holds: bool
    published: tuple[float, ...] = ()


@styled
def finding_figure(strips: Sequence[Strip]) -> Figure:
    """
    Draw the numbers of a finding, one below the other, each on a scale of its own.

    Dots are replicates, the bar is their mean, green if it is accepted and red if not; the band is what is
    accepted, the diamond (or the line between two) what was published.

    Parameters
    ----------
    strips : sequence of Strip
        At least one.

    Returns
    -------
    matplotlib.figure.Figure
    """
    height = ROW * len(strips) + EDGES
    figure = Figure(figsize=(COLUMN, height))
    panels = figure.subplots(len(strips), squeeze=False)[:, 0]
    figure.subplots_adjust(left=0.36, right=0.97, top=1 - 0.06 / height, bottom=0.26 / height, hspace=1.1)
    for axes, strip in zip(panels, strips, strict=True):
        _draw(axes, strip)
    return figure


@styled
def finding_svg(strips: Sequence[Strip]) -> bytes:
    """Draw the figure of a finding as SVG with letters as text: small, and always the same for the same."""
    written = BytesIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "finding"}):
        finding_figure(strips).savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def _draw(axes: Axes, strip: Strip) -> None:
    values = np.atleast_1d(np.asarray(strip.values, np.float64))
    left, right = _limits(values[np.isfinite(values)], strip)
    axes.axvspan(
        left if strip.low is None else strip.low,
        right if strip.high is None else strip.high,
        color=BAND,
        linewidth=0,
    )
    for bound in (strip.low, strip.high):
        if bound is not None:
            axes.axvline(bound, color=INSIDE, linewidth=0.6)
    _published(axes, strip.published)
    colour = INSIDE if strip.holds else OUTSIDE
    if np.isfinite(values).all():
        # one below the other, so that equal values do not hide each other
        places = np.linspace(0.5, -0.3, values.size)
        axes.plot([values.mean()] * 2, [-0.5, 0.75], color=colour, linewidth=1.8, marker="")
        axes.plot(values, places, "o", ms=2.6, mfc="white", mec=colour, mew=0.8)
    else:
        axes.text(0.5, 0.5, "not computed", color=colour, transform=axes.transAxes, ha="center", va="center")
    axes.set(xlim=(left, right), ylim=(-1, 1), yticks=[])
    axes.set_ylabel(strip.label, rotation=0, ha="right", va="center")
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", labelsize=6, pad=1.5)
    axes.locator_params(axis="x", nbins=5)


def _published(axes: Axes, published: tuple[float, ...]) -> None:
    look: dict[str, Any] = {"color": PUBLISHED, "marker": "D", "markersize": 3, "linewidth": 1}
    if published:
        axes.plot(published, [-0.8] * len(published), clip_on=False, zorder=4, **look)


def _limits(values: np.ndarray, strip: Strip) -> tuple[float, float]:
    """Range that shows the values, the bounds and what was published, with room beside them."""
    bounds = [bound for bound in (strip.low, strip.high) if bound is not None]
    shown = np.array([*values, *bounds, *strip.published], np.float64)
    low, high = float(shown.min()), float(shown.max())
    room = 0.18 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room
