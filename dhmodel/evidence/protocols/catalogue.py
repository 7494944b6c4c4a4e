"""Which function is the protocol of which finding."""

from collections.abc import Callable, Mapping

from dhmodel.evidence.protocols import axons, scs
from dhmodel.evidence.protocols.runs import Floats

__all__ = ["PROTOCOLS"]

PROTOCOLS: Mapping[str, Callable[[int, int], dict[str, Floats]]] = {
    one.__name__: one
    for one in (
        axons.cap_depression,
        axons.closed_loop_dose,
        axons.closed_loop_window,
        axons.ecap_growth,
        axons.ecap_motor_ratio,
        axons.fidelity,
        axons.frequency_effects,
        axons.khz_axons,
        axons.khz_human,
        axons.near_threshold,
        axons.order_across_modes,
        axons.perception_correlation,
        axons.recruitment_order,
        axons.size_order,
        scs.desynchronisation,
        scs.intensity,
        scs.segment,
        scs.synaptic_wave,
    )
}
"""Python protocols by the names that entries use: functions of the number of replicates and the seed."""
