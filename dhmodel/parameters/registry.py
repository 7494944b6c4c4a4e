"""
Every constant of the model, loaded once from the TOML files of a folder, and resolved for one simulation.

``states.toml`` holds presets, ``drugs.toml`` what drugs do, ``lesions.toml`` what is cut; all other files
hold parameters (see `dhmodel.parameters.files`).
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType

from dhmodel.errors import InputError, listing, quoted, unknown
from dhmodel.parameters.cohort import drawn, names, split
from dhmodel.parameters.files import read_entries, read_parameters, with_model
from dhmodel.parameters.lesions import INTACT, Cuts, read_cuts
from dhmodel.parameters.resolved import NOTHING, Base, Parameters
from dhmodel.parameters.schema import (
    ActEntry,
    DrugEntry,
    LesionEntry,
    Parameter,
    StateEntry,
    Value,
)
from dhmodel.units import canonical, to_si

FOLDER = Path(__file__).parent

PRESETS = ("drugs.toml", "lesions.toml", "states.toml")
"""Files of no parameters."""


@dataclass(frozen=True)
class Registry:
    """Read-only contents of one folder, and the defaults that resolved sets share."""

    parameters: Mapping[str, Parameter]
    states: Mapping[str, StateEntry]
    drugs: Mapping[str, DrugEntry]
    lesions: Mapping[str, LesionEntry]
    base: Base = field(default=NOTHING, compare=False)

    def parameter(self, path: str, where: str = "") -> Parameter:
        """Find a parameter by its path; InputError naming the nearest ones if there is none."""
        found = self.parameters.get(path) if isinstance(path, str) else None
        if found is not None:
            return found
        below = [p for p in self.parameters if p.startswith(f"{path}.")]
        if below:
            place = f" in {where}" if where else ""
            raise InputError(f"{quoted(path)}{place} is a group of parameters; allowed: {listing(below)}")
        raise unknown("parameter", path, self.parameters, where)

    def extended(self, extra: Iterable[Parameter]) -> "Registry":
        """Add parameters, those of a user's own paradigm for instance; InputError if one is there already."""
        added = {parameter.path: parameter for parameter in extra}
        for path in added:
            if path in self.parameters:
                raise InputError(f"{path}: is a parameter of the package already; use another name")
        return replace(self, parameters=MappingProxyType({**self.parameters, **added})) if added else self

    def resolve(
        self,
        state: str = "naive",
        set: Mapping[str, object] | None = None,
        drugs: Mapping[str, object] | None = None,
        lesion: object = INTACT,
    ) -> Parameters:
        """See `resolve` of this module."""
        values = ChainMap(dict(self._beside_base), self.base.values)
        self._put_into(values, state)
        self._cut(values, lesion)
        for path, given in _mapping("set", set).items():
            values[path] = self.parameter(path, "set").check(given)
        for drug, dose in self.doses(drugs):
            for act in self.drugs[drug].acts:
                self._act(values, act, dose, f'drug "{drug}"')
        return Parameters(values.maps[0], self.base)

    @cached_property
    def _beside_base(self) -> dict[str, Value]:
        """Defaults that are not those of the base."""
        shared = self.base.values
        return {path: one.si for path, one in self.parameters.items() if shared.get(path) is not one.si}

    def state(self, name: str) -> tuple[StateEntry, int | None]:
        """Find a state, or that of a cord of a cohort and the cord's number; InputError if there is none."""
        preset, cord = split(name) if isinstance(name, str) else (name, None)
        if not isinstance(preset, str) or preset not in self.states:
            raise unknown("state", name, self.states)
        entry = self.states[preset]
        if cord is not None and not entry.spread:
            raise InputError(f"state: got {quoted(name)}, but {preset} has no spread to draw cords from")
        return entry, cord

    def _put_into(self, values: MutableMapping[str, Value], state: str) -> None:
        """Put a state's values in place, then those of its cord."""
        (entry, cord), where = self.state(state), f'state "{state}"'
        for path, preset in entry.set.items():
            values[path] = self.parameter(path, where).check(preset, where)
        if cord is None:
            return
        for path, spread in entry.spread.items():
            parameter, value = self.parameter(path, where), values[path]
            if isinstance(value, str) or parameter.integer:
                raise InputError(f"{where}: {path} is no quantity, it cannot have a spread")
            values[path] = drawn(parameter, value, spread, cord)

    def _cut(self, values: MutableMapping[str, Value], lesion: object) -> None:
        """Move what lesions set towards its value after a full cut."""
        for name, fraction in read_cuts(lesion, self.lesions):
            where = f'lesion "{name}"'
            for path, full in self.lesions[name].set.items():
                here, cut = self._quantity(values, path, where), self.parameter(path).check(full, where)
                values[path] = canonical((1 - fraction) * here + fraction * float(cut))

    def doses(self, drugs: Mapping[str, object] | None) -> tuple[tuple[str, float], ...]:
        """See `doses` of this module."""
        checked = {drug: self._dose(drug, dose) for drug, dose in _mapping("drugs", drugs).items()}
        return tuple(sorted(checked.items()))

    def _dose(self, drug: str, given: object) -> float:
        if drug not in self.drugs:
            raise unknown("drug", drug, self.drugs)
        dose = to_si(given, "1", f"dose of {drug}")
        if not 0 <= dose <= 1:
            raise InputError(f"dose of {drug}: got {quoted(given)}, allowed: 0 (none) to 1 (full)")
        return dose

    def _act(self, values: MutableMapping[str, Value], act: ActEntry, dose: float, where: str) -> None:
        """Let a dose act: in any order of drugs, for one takes the greatest and the others multiply."""
        if act.sign == "agonist" and not act.block:
            path = f"receptor.{act.receptor}.activation"
            values[path] = max(self._quantity(values, path, where), canonical(dose * act.share))
            return
        for path, block in (act.block or {f"receptor.{act.receptor}.free": act.share}).items():
            left = canonical(self._quantity(values, path, where) * (1 - dose * block))
            values[path] = self.parameter(path).within(left, f"{path} under {where}")

    def _quantity(self, values: Mapping[str, Value], path: str, where: str) -> float:
        self.parameter(path, where)
        value = values[path]
        if isinstance(value, str):
            raise InputError(f"{where}: {path} is a choice, which it cannot change")
        return value


@lru_cache(maxsize=8)
def load(folder: Path = FOLDER) -> Registry:
    """
    Load the TOML files of a folder, once per process.

    Raises
    ------
    InputError
        A file is not TOML, an entry breaks the schema, or a path is defined twice.
    """
    parameters = read_parameters([file for file in sorted(folder.glob("*.toml")) if file.name not in PRESETS])
    entries = read_entries(folder / "states.toml", StateEntry)
    states = {name: with_model(name, entries) for name in entries}
    drugs = read_entries(folder / "drugs.toml", DrugEntry)
    lesions = read_entries(folder / "lesions.toml", LesionEntry)
    base = (_Defaults if folder == FOLDER else Base)({path: one.si for path, one in parameters.items()})
    found = (MappingProxyType(parameters), MappingProxyType(states), MappingProxyType(drugs))
    return Registry(*found, MappingProxyType(lesions), base)


class _Defaults(Base):
    """The package's defaults: a process that is sent a parameter set has them already."""

    def __reduce__(self) -> tuple[Callable[[str], Base], tuple[str]]:
        return _own_defaults, (self.digest,)


def _own_defaults(digest: str) -> Base:
    base = load().base
    if base.digest != digest:
        raise InputError("parameters: from a process with other defaults; run the same dhmodel in both")
    return base


_used: list[Registry] = []


@contextmanager
def using(registry: Registry) -> Iterator[None]:
    """
    Take everything that this module looks up from another registry meanwhile, such as one of drawn defaults.

    Of this process only, not of those that it starts.
    """
    _used.append(registry)
    try:
        yield
    finally:
        _used.pop()


def used() -> Registry:
    """Return the registry in use: that of the package, unless `using` says otherwise."""
    return _used[-1] if _used else load()


def parameter(path: str, extra: Iterable[Parameter] = ()) -> Parameter:
    """
    Look up default, unit, range and source of one parameter, of the package or `extra`.

    Raises
    ------
    InputError
        No such path; the message names the nearest ones.
    """
    return used().extended(extra).parameter(path)


def paths(extra: Iterable[Parameter] = ()) -> tuple[str, ...]:
    """List the dotted path of every parameter, in the order of the files, then those of `extra`."""
    return tuple(used().extended(extra).parameters)


def states() -> Mapping[str, StateEntry]:
    """Return every state of the cord, by name."""
    return used().states


def drugs() -> Mapping[str, DrugEntry]:
    """Return every drug, by name."""
    return used().drugs


def lesions() -> Mapping[str, LesionEntry]:
    """Return every lesion, by name."""
    return used().lesions


def cuts(lesion: object) -> Cuts:
    """
    Validate lesions and return (lesion, fraction) pairs, sorted by name; see `resolve`.

    Raises
    ------
    InputError
        Unknown lesion, or a fraction that is no number from 0 to 1.
    """
    return read_cuts(lesion, used().lesions)


def doses(drugs: Mapping[str, object] | None) -> tuple[tuple[str, float], ...]:
    """
    Validate doses and return (drug, dose) pairs, sorted by name.

    Raises
    ------
    InputError
        Unknown drug, or a dose that is no number from 0 to 1.
    """
    return used().doses(drugs)


def resolve(
    state: str = "naive",
    set: Mapping[str, object] | None = None,
    drugs: Mapping[str, object] | None = None,
    extra: Iterable[Parameter] = (),
    lesion: object = INTACT,
) -> Parameters:
    """
    Resolve the parameters of one simulation: defaults, the state's preset, lesions, `set`, then the drugs.

    Parameters
    ----------
    state : str
        Name of a state, or of a cord of a cohort: ``"snl#3"``.
    set : mapping of {str : object}, optional
        Path to value: text with a unit, a Brian2 quantity, or a number where the parameter is dimensionless.
    drugs : mapping of {str : object}, optional
        Drug to dose, 0 to 1. An agonist raises the activation of its receptors to the dose at least, an
        antagonist leaves the fraction 1 - dose of them free; the order does not matter.
    extra : iterable of Parameter
        Parameters of this simulation beside those of the package, such as a user's own paradigm brings.
    lesion : str or mapping, optional
        ``"dlf"``, ``"dlf=0.5"``, several joined by a plus, or name to the fraction that is cut.

    Returns
    -------
    resolved : Parameters
        Path to SI value, for every parameter.

    Raises
    ------
    InputError
        Unknown state, path, drug or lesion; wrong type or unit; out of range.
    """
    return used().extended(extra).resolve(state, set, drugs, lesion)


def cohort(state: str, number: int) -> list[str]:
    """
    Name the first cords of the cohort around a state of the cord.

    A name serves wherever that of a state does. Cord n is the same in every simulation, and cord n of another
    state is the same animal in that state: its place in every distribution is the same.

    Parameters
    ----------
    state : str
        Name of a state that has a spread.
    number : int
        How many, at least 1.

    Returns
    -------
    list of str
        ``["snl#0", "snl#1", ...]``.

    Raises
    ------
    InputError
        Unknown state, a state without a spread, or a bad number.
    """
    found = names(state, number)
    load().state(found[0])
    return found


def _mapping(what: str, given: Mapping[str, object] | None) -> Mapping[str, object]:
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"{what}: got {quoted(given)}, needs a mapping of name to value")
    return given or {}
