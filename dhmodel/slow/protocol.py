"""Protocols over minutes to weeks: the circuit in epochs of seconds, slow states in between."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dhmodel.errors import InputError, quoted
from dhmodel.parameters.layout import population_sizes
from dhmodel.simulate import attributes
from dhmodel.slow.memo import Memo
from dhmodel.slow.reading import read_timetable
from dhmodel.slow.result import to_dataset
from dhmodel.slow.running import Run, make_run
from dhmodel.units import to_si

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["passed", "planned", "protocol"]

LOOP = {"epoch": 5.0, "settle": 1.0, "warmup": 1.0, "tolerance": 0.02}
"""What neither the caller nor the timetable says; s, and a fraction."""


def protocol(
    timetable: str | Path | Mapping[str, Any],
    *,
    state: str | None = None,
    lesion: str | Mapping[str, object] | None = None,
    set: Mapping[str, object] | None = None,
    seed: int = 1,
    replicates: int = 1,
    epoch: object = None,
    settle: object = None,
    warmup: object = None,
    tolerance: float | None = None,
    target: str = "auto",
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> "xr.Dataset":
    """
    Run a protocol over minutes, days or weeks.

    The spiking circuit runs in epochs of seconds, with slow states held; the mean drives of an epoch move the
    slow states until they have changed what the circuit does. What is slow is not in the epoch, and no time
    passes in it: a second of the circuit is never taken for a minute.

    Parameters
    ----------
    timetable : str, path or mapping
        A protocol of the package (see ``dhmodel list protocols``), a TOML file, or what such a file would
        hold; see `dhmodel.slow.reading`.
    state : str, optional
        State of the cord in place of the timetable's.
    lesion : str or mapping, optional
        What is cut throughout, in place of what the timetable says, as in `dhmodel.simulate`; an entry may
        cut more.
    set : mapping of {str : object}, optional
        Parameter path to value, over the timetable's own; ``slow.<name>.<number>`` for slow states and
        their quantities.
    seed, replicates : int
        As in `dhmodel.simulate`. All epochs of a replicate share its random streams, so that they differ by
        their conditions alone.
    epoch, settle, warmup : str or quantity, optional
        Length of an epoch; how much of its beginning is not measured; what is run before stimulation begins;
        by default those of the timetable, or 5 s, 1 s and 1 s.
    tolerance : float, optional
        Error allowed to one step of the slow states, as a fraction of a state's range; by default that of the
        timetable, or 0.02.
    target : str
        As in `dhmodel.simulate`.
    checkpoint : str or path, optional
        A file that keeps every epoch; the same call with it resumes what was interrupted, with the same
        numbers in the end. One process at a time may use it.
    progress : bool
        Show a bar.

    Returns
    -------
    xarray.Dataset
        ``slow.<state>`` and ``dose.<drug>`` (replicate, protocol_time); ``slow_error`` (replicate,
        protocol_time, slow_state), estimated error of the states, as fractions of their ranges; ``ongoing``
        (replicate, protocol_time, population), Hz, without a test stimulus; ``rate`` (replicate, test,
        population), Hz during each test stimulus, ``cell_rate`` (replicate, test, cell), of each neuron, and
        ``count`` (replicate, test, population, window), spikes per neuron and shock; ``stimulation``
        (protocol_time), whether a paradigm is on; ``epochs`` (replicate), runs of the circuit that differ;
        provenance in ``attrs``.

    Raises
    ------
    InputError
        For bad input, in one line; an epoch longer than the fastest slow state allows; a cycling paradigm
        whose cycle an epoch does not cover.
    EngineError
        If a run fails.
    StoreError
        If the checkpoint cannot be used.
    """
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise InputError(f"replicates: got {quoted(replicates)}, needs a whole number of at least 1")
    spans = {"epoch": epoch, "settle": settle, "warmup": warmup}
    given = {name: to_si(one, "s", name) for name, one in spans.items() if one is not None}
    if tolerance is not None:
        given["tolerance"] = to_si(tolerance, "1", "tolerance")
    run = planned(timetable, state=state, lesion=lesion, set=set, loop=given, seed=seed, target=target)
    with Memo(None if checkpoint is None else Path(checkpoint)) as memo:
        return passed(run, range(replicates), memo, progress)


def planned(
    timetable: str | Path | Mapping[str, Any],
    *,
    state: str | None = None,
    lesion: str | Mapping[str, object] | None = None,
    set: Mapping[str, object] | None = None,
    loop: Mapping[str, float] | None = None,
    seed: int = 1,
    target: str = "auto",
) -> Run:
    """
    Validate a protocol without running it.

    Parameters
    ----------
    timetable, state, lesion, set, seed, target
        As in `protocol`.
    loop : mapping of {str : float}, optional
        Any of ``epoch``, ``settle`` and ``warmup`` in s, and ``tolerance``.

    Raises
    ------
    InputError
        As `protocol`.
    """
    table = read_timetable(timetable)
    return make_run(table, state, lesion, set, {**LOOP, **table.loop, **(loop or {})}, seed, target)


def passed(run: Run, replicates: Iterable[int], memo: Memo, progress: bool = False) -> "xr.Dataset":
    """
    Run replicates of these numbers of a protocol, and make its Dataset.

    Raises
    ------
    EngineError, StoreError
        As `protocol`.
    """
    run.prepare()
    done = [run.replicate(number, memo, progress) for number in replicates]
    sizes = population_sizes(run.first.parameters)
    return to_dataset(run.table, run.chosen, done, sizes, attributes(run.first) | run.attributes())
