"""Release of afferent terminals by stimulation, from the trains alone, without a run of the circuit."""

from collections.abc import Mapping

from dhmodel.errors import unknown
from dhmodel.measures.release import release_per_pulse
from dhmodel.stimulation.afferents import afferent_input
from dhmodel.stimulation.fibres import fibre_sizes
from dhmodel.stimulation.paradigms import Paradigm
from dhmodel.stimulation.trains import Floats

__all__ = ["terminal_release"]


def terminal_release(
    P: Mapping[str, float],
    paradigm: str | Paradigm,
    stimulus: str,
    duration: float,
    warmup: float,
    seed: int,
    replicate: int,
    name: str = "AB",
) -> Floats:
    """
    Mean release of a fibre class after each pulse, as the depressing share of its terminals has it.

    The trains are those of the circuit, with conduction, failing branches and background; the synaptic wave
    of the cord (Sharma et al. 2023) is compared with its course over the pulses of a train. Presynaptic
    inhibition, which needs the circuit, and the denervation of terminals are not in it.

    Parameters
    ----------
    P, paradigm, stimulus, duration, warmup, seed, replicate
        As in `dhmodel.stimulation.afferents.afferent_input`.
    name : str
        Fibre class, ``"AB"`` for dorsal columns.

    Returns
    -------
    ndarray of float64, shape (pulses,)
        1 if every fibre of the class releases as much as one spike of a rested terminal does.

    Raises
    ------
    InputError
        No such class, or a paradigm without pulses.
    """
    if name not in (classes := fibre_sizes(P)):
        raise unknown("fibre class", name, classes)
    made = afferent_input(P, paradigm, stimulus, duration, warmup, seed, replicate)
    trains = made.trains.of(name)
    return release_per_pulse(
        trains.times,
        trains.fibres,
        trains.n_fibres,
        made.delivery.schedule.times,
        P[f"terminal.{name}.depression"],
        P[f"terminal.{name}.recovery"],
    )
