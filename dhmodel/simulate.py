"""The one place where stimulation, circuit, engine and recording meet."""

import hashlib
import json
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dhmodel.circuit import assemble
from dhmodel.circuit.drives import Injection, offsets
from dhmodel.circuit.structure import Structure
from dhmodel.engine import build
from dhmodel.engine.feed import Feed, Noise
from dhmodel.engine.run import Spikes, run_compiled
from dhmodel.errors import EngineError, InputError, quoted, unknown
from dhmodel.parameters import Parameters, cuts, doses, resolve
from dhmodel.parameters.layout import population_sizes
from dhmodel.parameters.lesions import INTACT, written
from dhmodel.recording import Recording, coords, summarise, to_dataset
from dhmodel.scenarios import of_circuit
from dhmodel.stimulation.afferents import AfferentInput, afferent_input, default_duration, stimuli
from dhmodel.stimulation.conditions import check_routes
from dhmodel.stimulation.elsewhere import elsewhere
from dhmodel.stimulation.interop import read_trains
from dhmodel.stimulation.measured import as_input, check_span
from dhmodel.stimulation.paradigms import Paradigm, find_paradigm
from dhmodel.stimulation.routes import joined
from dhmodel.stimulation.schedule import check_schedule
from dhmodel.stimulation.trains import SpikeTrains, concat
from dhmodel.streams import stream
from dhmodel.units import to_si

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["TARGETS", "Plan", "attributes", "measure", "plan", "prepare", "record", "simulate"]

LONGEST = 86400.0
"""Longest run, s; the spikes of longer ones fit into no memory."""

TARGETS = (*build.RECIPES, "numpy", "cython")


@dataclass(frozen=True)
class Plan:
    """One simulation, validated, apart from the replicate: what it is, and with which numbers.

    Attributes
    ----------
    paradigm : Paradigm
    state, stimulus : str
    drugs : tuple of (str, float)
        Sorted names and doses.
    parameters : Parameters
        Resolved, SI.
    duration, warmup : float
        s.
    seed : int
    target : str
        One of `TARGETS`.
    trains : SpikeTrains, optional
        Given trains that take the place of the circuit's fibres.
    fill : str
        What the other fibres of their classes carry; see `dhmodel.stimulation.measured.as_input`.
    lesion : str
        What is cut, as text: ``"dlf=0.5"``, ``"none"``; `parameters` have it.
    scenario : str
        Rival reading of the literature that `parameters` follow; empty for the default.
    """

    paradigm: Paradigm
    state: str
    stimulus: str
    drugs: tuple[tuple[str, float], ...]
    parameters: Parameters
    duration: float
    warmup: float
    seed: int
    target: str
    trains: SpikeTrains | None = None
    fill: str = "background"
    lesion: str = INTACT
    scenario: str = ""

    def digest(self) -> str:
        """Identity of everything that decides the numbers, the code's version included."""
        facts = [
            self.paradigm.digest(),
            self.stimulus,
            self.parameters.digest(),
            self.duration,
            self.warmup,
            self.seed,
            self.target,
            _version(),
            *([] if self.trains is None else [self.trains.digest(), self.fill]),
        ]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def plan(
    paradigm: str | Path | Paradigm | Sequence[object] = "none",
    *,
    state: str = "naive",
    stimulus: str = "spontaneous",
    drugs: Mapping[str, object] | None = None,
    lesion: str | Mapping[str, object] | None = INTACT,
    set: Mapping[str, object] | None = None,
    duration: object = None,
    warmup: object = "1 s",
    seed: int = 1,
    target: str = "auto",
    trains: Any = None,
    fill: str = "background",
    scenario: str = "",
) -> Plan:
    """Validate a simulation without running it; the arguments are those of `simulate`.

    Raises
    ------
    InputError
        One line: what was given, where, what is allowed, the nearest valid name.
    """
    chosen = find_paradigm(paradigm)
    _check_name("stimulus", stimulus, stimuli())
    values = {**of_circuit(scenario), **(set or {})} if scenario else set
    parameters = resolve(state, values, drugs, chosen.parameters, lesion)
    length = default_duration(parameters, stimulus) if duration is None else to_si(duration, "s", "duration")
    before = to_si(warmup, "s", "warmup")
    if length <= 0:
        raise InputError(f"duration: got {quoted(duration)}, needs more than 0 s")
    if before < 0:
        raise InputError(f"warmup: got {quoted(warmup)}, needs 0 s or more")
    for name, seconds in (("duration", length), ("warmup", before)):
        if seconds > LONGEST:
            raise InputError(f"{name}: {seconds:g} s, allowed: at most {LONGEST:g} s, a day")
    stream(seed, 0, "check")  # complains of a bad seed
    assemble.structure(parameters)  # complains of a circuit that cannot be
    check_schedule(parameters, chosen)
    check_routes(parameters, chosen, length)
    given = _given(trains, fill, parameters, length, before)
    fixed = (chosen, state, stimulus, doses(drugs), parameters, length, before, int(seed), _target(target))
    return Plan(*fixed, given, fill, written(cuts(lesion)), scenario)


def _given(
    trains: Any, fill: str, parameters: Parameters, duration: float, warmup: float
) -> SpikeTrains | None:
    """Given trains, read if need be; complains of those that do not fit the circuit or the time."""
    if trains is None:
        if fill != "background":
            raise InputError(f"fill: got {quoted(fill)}, but no trains")
        return None
    if not isinstance(trains, SpikeTrains):
        trains = read_trains(trains, duration=f"{duration!r} s", warmup=f"{warmup!r} s")
    check_span(trains, duration, warmup)
    as_input(trains, parameters, fill=fill)
    return trains


def _check_name(kind: str, name: object, allowed: Iterable[str]) -> None:
    if not isinstance(name, str) or name not in allowed:
        raise unknown(kind, name, allowed)


def _target(name: str) -> str:
    _check_name("target", name, ("auto", *TARGETS))
    if name != "auto":
        return name
    if build.compiler() is None:
        _warn_of_numpy()
        return "numpy"
    return "cpp"


@lru_cache
def _version() -> str:
    """Version of the package, which the metadata take a while to tell."""
    return version("dhmodel")


@lru_cache
def _warn_of_numpy() -> None:
    """Warn once per process."""
    warnings.warn(
        "no C++ compiler with make found: using the numpy target, about a hundred times slower", stacklevel=2
    )


def prepare(plan: Plan) -> None:
    """Build the binary that `plan` needs, or find it in the cache; says on stderr when it builds."""
    if plan.target in build.RECIPES:
        build.ensure(
            assemble.structure(plan.parameters),
            plan.target,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )


def record(plan: Plan, replicate: int) -> Recording:
    """Run one replicate.

    Parameters
    ----------
    plan : Plan
    replicate : int
        Number of the replicate; it decides trains, noise, cells and wiring together with ``plan.seed``.

    Returns
    -------
    Recording
        Times relative to the end of the warm-up.

    Raises
    ------
    EngineError
        If the run fails or a state is not finite.
    """
    P = plan.parameters
    structure = assemble.structure(P)
    inputs = afferent_input(P, plan.paradigm, plan.stimulus, plan.duration, plan.warmup, plan.seed, replicate)
    afferent = inputs.trains
    if plan.trains is not None:
        afferent = as_input(plan.trains, P, fill=plan.fill, background=afferent)
    beside = elsewhere(P, inputs.trunks, plan.duration, plan.warmup, plan.seed, replicate)
    trains = concat(afferent, joined(P, beside, inputs.routed.elsewhere))
    feed = _feed(plan, trains, structure.cells, _injections(plan, inputs), replicate)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        arrays = assemble.arrays(P, plan.seed, replicate)  # what is not finite is refused by name in `_run`
    spikes = _run(plan, structure, arrays, feed)
    return _recording(plan, inputs, trains, spikes)


def _injections(plan: Plan, inputs: AfferentInput) -> list[Injection]:
    """Currents of the stimulation and of the test stimulus, in time from the start of the run."""
    delivery = inputs.delivery
    currents = [(name, current, delivery.on()) for name, current in delivery.effect.currents.items()]
    return [Injection(name, current, on + plan.warmup) for name, current, on in [*currents, *inputs.currents]]


def _feed(
    plan: Plan, trains: SpikeTrains, cells: int, injections: Sequence[Injection], replicate: int
) -> Feed:
    total, step = plan.warmup + plan.duration, plan.parameters["simulation.slow_dt"]
    rows = int(np.ceil(total / step)) + 20  # the run stops at a multiple of 10 ms
    noise = Noise(plan.seed, replicate, rows, cells, offsets(injections, plan.parameters))
    return Feed(trains.offsets(), trains.times + plan.warmup, noise, step, total)


def _run(plan: Plan, structure: Structure, arrays: Mapping[str, NDArray[Any]], feed: Feed) -> Spikes:
    if plan.target in build.RECIPES:
        return run_compiled(build.ensure(structure, plan.target), arrays, feed)
    from dhmodel.engine.runtime import run_runtime  # imports Brian2

    return run_runtime(structure, arrays, feed, plan.target)


def _recording(plan: Plan, inputs: AfferentInput, trains: SpikeTrains, spikes: Spikes) -> Recording:
    return Recording(
        times=spikes.times - plan.warmup,
        neurons=spikes.cells,
        sizes=population_sizes(plan.parameters),
        duration=plan.duration,
        pulses=inputs.pulses,
        shocks=inputs.shocks,
        source_rate=trains.rate(plan.duration),
        delivered=inputs.delivered(plan.parameters),
    )


def measure(plan: Plan, replicate: int) -> dict[str, NDArray[Any]]:
    """Run one replicate and reduce it to the variables of the Dataset (see `recording.summarise`)."""
    return summarise(record(plan, replicate), plan.parameters)


def attributes(plan: Plan) -> dict[str, Any]:
    """What a Dataset of this plan says about where it comes from."""
    return {
        "parameters": plan.parameters.json(),
        "parameters_digest": plan.parameters.digest(),
        "seed": plan.seed,
        "n_neurons": sum(population_sizes(plan.parameters).values()),
        "dt": plan.parameters["simulation.dt"],
        "target": plan.target,
        "paradigm": plan.paradigm.name,
        "state": plan.state,
        "stimulus": plan.stimulus,
        "drugs": json.dumps(dict(plan.drugs)),
        "lesion": plan.lesion,
        **({"scenario": plan.scenario} if plan.scenario else {}),
        "duration": plan.duration,
        "warmup": plan.warmup,
        **({} if plan.trains is None else {"trains_digest": plan.trains.digest(), "fill": plan.fill}),
    }


def simulate(
    paradigm: str | Path | Paradigm | Sequence[object] = "none",
    *,
    state: str = "naive",
    stimulus: str = "spontaneous",
    drugs: Mapping[str, object] | None = None,
    lesion: str | Mapping[str, object] | None = INTACT,
    set: Mapping[str, object] | None = None,
    duration: object = None,
    warmup: object = "1 s",
    seed: int = 1,
    replicates: int = 1,
    spikes: bool = False,
    target: str = "auto",
    progress: bool = False,
    trains: Any = None,
    fill: str = "background",
    scenario: str = "",
) -> "xr.Dataset":
    """Simulate the dorsal horn under one stimulation, in one state, with one test stimulus.

    Parameters
    ----------
    paradigm : str, path, Paradigm or sequence of these
        Stimulation: a name, see `dhmodel.list_paradigms`; a TOML file; or a `dhmodel.Paradigm`. ``"none"`` is
        no stimulation. Several act together, as a sequence or joined: ``"tonic+cpm"``; at most one of them
        has an electrode.
    state : str
        State of the cord, see `dhmodel.list_states`, or a cord of the cohort around one: ``"snl#3"``, see
        `dhmodel.cohort`.
    stimulus : str
        Test stimulus, see `dhmodel.list_stimuli`; ``"spontaneous"`` is none.
    drugs : mapping of {str : float}, optional
        Drug to dose, 0 to 1: the fraction of its receptors that it blocks or activates. See
        `dhmodel.list_drugs`.
    lesion : str or mapping
        What is cut, see `dhmodel.list_lesions`: ``"dlf"``, ``"dlf=0.5"`` for half of it, several joined by a
        plus, or name to the fraction that is cut.
    set : mapping of {str : object}, optional
        Parameter path to value: text with a unit or a Brian2 quantity; a number where the parameter is
        dimensionless.
    duration : str or quantity, optional
        Length of the recording; by default what the test stimulus needs.
    warmup : str or quantity
        Simulated before time zero and not counted.
    seed : int
        With the replicate, it decides trains, noise, cells and wiring.
    replicates : int
        Independent repetitions.
    spikes : bool
        Keep every spike (``spike_time_WDR`` and so on).
    target : str
        ``"auto"`` (compiled, or numpy without a compiler) or one of `TARGETS`.
    progress : bool
        Show a bar over replicates.
    trains : SpikeTrains, path or Neo object, optional
        Measured trains that take the place of the circuit's fibres, class by class, and carry neither pulses
        nor the test stimulus; see `dhmodel.read_trains`. Times lie in [-warmup, duration).
    fill : str
        What the other fibres of the given classes carry: ``"background"`` (as without given trains),
        ``"repeat"`` (the given trains again) or ``"silent"``.
    scenario : str
        Rival reading of the literature, see ``dhmodel list scenarios``: parameters that it changes, over
        which those of `set` stand. By default none.

    Returns
    -------
    xarray.Dataset
        ``rate`` (replicate, population), Hz; ``psth`` (replicate, population, time), Hz, bin start; ``count``
        (replicate, stimulus_index, population, window), spikes per neuron, where the stimulus repeats;
        ``active``, ``source_rate``; provenance in ``attrs``.

    Raises
    ------
    InputError
        For bad input.
    EngineError
        If a run fails or leaves the real numbers.
    """
    if isinstance(replicates, bool) or not isinstance(replicates, int) or replicates < 1:
        raise InputError(f"replicates: got {replicates!r}, needs a whole number of at least 1")
    chosen = plan(
        paradigm,
        state=state,
        stimulus=stimulus,
        drugs=drugs,
        lesion=lesion,
        set=set,
        duration=duration,
        warmup=warmup,
        seed=seed,
        target=target,
        trains=trains,
        fill=fill,
        scenario=scenario,
    )
    prepare(chosen)
    try:
        recordings = [record(chosen, number) for number in _counter(replicates, progress)]
    except MemoryError as error:
        runs = f"{replicates} x {chosen.warmup + chosen.duration:g} s with these parameters"
        raise EngineError(f"not enough memory for {runs}: {error}") from error
    summaries = [summarise(one, chosen.parameters) for one in recordings]
    return to_dataset(
        summaries,
        recordings if spikes else None,
        attributes(chosen),
        coords(chosen.parameters, chosen.duration, recordings[0].shocks),
    )


def _counter(replicates: int, progress: bool) -> Iterable[int]:
    if not progress:
        return range(replicates)
    from tqdm import tqdm

    bar: Iterable[int] = tqdm(range(replicates), desc="replicates", unit="run")
    return bar
