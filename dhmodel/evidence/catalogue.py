"""Which function is the protocol of which finding."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature

from dhmodel.errors import unknown
from dhmodel.evidence import axons, scs
from dhmodel.evidence.ledger import Verdict, finding, judge
from dhmodel.evidence.runs import Floats, Run, in_turn

__all__ = ["PROTOCOLS", "verdict"]

type Answer = dict[str, Floats]

#: By the names that ``findings.toml`` uses: a function of the number of replicates, the seed and, where cells
#: are simulated, of how to run plans.
PROTOCOLS: Mapping[str, Callable[..., Answer]] = {
    one.__name__: one
    for one in (
        axons.cap_depression,
        axons.closed_loop_dose,
        axons.closed_loop_window,
        axons.ecap_constancy,
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
        scs.amplitude_response,
        scs.burst_against_tonic,
        scs.desynchronisation,
        scs.intensity,
        scs.segment,
        scs.subperception_bicuculline,
        scs.subperception_optimum,
    )
}


def verdict(name: str, replicates: int, seed: int, run: Run = in_turn) -> Verdict:
    """
    Ask the model for a finding.

    Parameters
    ----------
    name : str
        Id of the finding.
    replicates, seed : int
    run : callable
        How to run the plans of a protocol; see `dhmodel.evidence.runs`.

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        No such finding or protocol.
    """
    protocol = finding(name).protocol
    if protocol not in PROTOCOLS:
        raise unknown("protocol", protocol, PROTOCOLS, f"finding {name}")
    ask = PROTOCOLS[protocol]
    if "run" in signature(ask).parameters:
        ask = partial(ask, run=run)
    return judge(name, ask(replicates, seed))
