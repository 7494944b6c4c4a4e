"""
The field of the lead at the fibres: potentials at their nodes, and the gains of the fast fibre model.

Contact 0 lies at the origin, the others at multiples of the spacing along the cord.
"""

from collections.abc import Mapping

import numpy as np

from dhmodel.errors import InputError
from dhmodel.stimulation.cord import CordFibres, preset
from dhmodel.stimulation.electrode import Contact, Field, Medium, Reach, field
from dhmodel.stimulation.sites import gains, node_spacing
from dhmodel.stimulation.trains import Floats
from dhmodel.stimulation.waveforms import Channel

# a contact acts within this many distances from the deepest fibre along the cord, and this many nodes
_NEAR, _NODES = 4.0, 7.0

# nodes whose potentials say how a fibre is driven
_FEWEST = 3


def potentials(P: Mapping[str, float], fibres: CordFibres, channels: tuple[Channel, ...]) -> Floats:
    """
    Extracellular potential at the nodes of fibres, per ampere of each channel.

    Parameters
    ----------
    P : mapping of {str : float}
        The resolved parameters.
    fibres : CordFibres
    channels : tuple of Channel

    Returns
    -------
    ndarray of float64, shape (fibres, nodes, channels)
        In V/A.
    """
    spacing = preset(P, "contact_spacing")
    farthest = (
        max((abs(contact) for channel in channels for contact in channel.contacts), default=0) * spacing
    )
    near, table = lead_field(P)
    x, y, z = fibres.nodes(farthest + near)
    if x.shape[1] < _FEWEST:
        raise InputError(
            f"axon.spacing: fewer than {_FEWEST} nodes of a fibre lie within {1e3 * (farthest + near):g} mm"
            " of the contacts; needs a shorter spacing"
        )
    y = y - P["lead.lateral"]
    out = np.zeros((*x.shape, len(channels)))
    for number, channel in enumerate(channels):
        for contact, fraction in channel.contacts.items():
            out[..., number] += fraction * table.at(x - contact * spacing, y, z)
    return out


def contact_area(P: Mapping[str, float]) -> float:
    """Metal surface of a contact of the lead in m^2, over which a charge is spread."""
    return preset(P, "contact_area")


def fibre_gains(P: Mapping[str, float], fibres: CordFibres, channels: tuple[Channel, ...]) -> Floats:
    """
    How strongly each channel drives the fibres: the gains of the fast fibre model.

    Returns
    -------
    ndarray of float64, shape (fibres, sites, 3, channels)
        In 1/A; see `dhmodel.stimulation.sites.gains`.
    """
    return gains(P, fibres.diameter, potentials(P, fibres, channels))


def lead_field(P: Mapping[str, float]) -> tuple[float, Field]:
    """
    Potential around one contact of the lead.

    Returns
    -------
    near : float
        Distance along the cord in m beyond which a contact acts on no fibre.
    field : Field

    Raises
    ------
    InputError
        ``lead.lift`` takes the lead below the surface of the cord.
    """
    gap = preset(P, "csf_thickness") + P["lead.lift"]
    if gap <= 0:
        raise InputError(
            f'lead.lift: got "{P["lead.lift"] * 1e3:g} mm", needs more than '
            f'"{-preset(P, "csf_thickness") * 1e3:g} mm", where the lead touches the cord'
        )
    conduction = (preset(P, name) for name in ("fat", "csf", "along", "across", "dura"))
    contact = Contact(preset(P, "contact_length"), preset(P, "contact_width"))
    depth = max(preset(P, f"{kind}.depth_max") for kind in ("column", "root", "lissauer"))
    aside = max(preset(P, f"{kind}.lateral_max") for kind in ("column", "root", "lissauer"))
    between = float(node_spacing(P, np.array(preset(P, "column.diameter"))))
    near = max(_NEAR * (gap + depth), _NODES * between) + contact.length / 2
    reach = Reach(near, aside + abs(P["lead.lateral"]) + gap + depth, 0.0, depth)
    return near, field(Medium(gap, *conduction), contact, reach)
