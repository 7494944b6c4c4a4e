"""Which function is the protocol of which finding, and asking the model for one finding."""

from collections.abc import Callable, Mapping

from dhmodel.errors import unknown
from dhmodel.evidence import axons, scs
from dhmodel.evidence.asking import check, numbers
from dhmodel.evidence.ledger import Finding, Protocol, finding
from dhmodel.evidence.runs import Floats
from dhmodel.evidence.verdicts import Verdict, judge, unasked
from dhmodel.recording import Recording
from dhmodel.simulate import Plan, record

__all__ = ["PROTOCOLS", "check_entry", "verdict"]

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


def check_entry(name: str, entry: Finding) -> None:
    """
    Complain of an entry whose protocol could not be asked, before anything runs.

    Raises
    ------
    InputError
        See `dhmodel.evidence.asking.check`; or there is no Python protocol of that name.
    """
    if isinstance(entry.protocol, str) and entry.protocol not in PROTOCOLS:
        raise unknown("protocol", entry.protocol, PROTOCOLS, f"finding {name}")
    check(name, entry)


def verdict(name: str, replicates: int = 5, seed: int = 7) -> Verdict:
    """
    Ask the model for one finding, in this process and without keeping anything.

    `dhmodel.validate` is for many: it keeps what it ran.

    Raises
    ------
    InputError
        No such finding, or its entry is wrong.
    """
    entry = finding(name)
    check_entry(name, entry)
    if isinstance(entry.protocol, Protocol):

        def records(plan: Plan) -> list[Recording]:
            return [record(plan, number) for number in range(replicates)]

        return judge(name, entry, numbers(name, entry, seed, records))
    if entry.protocol is None:
        return unasked(name, entry)
    return judge(name, entry, PROTOCOLS[entry.protocol](replicates, seed))
