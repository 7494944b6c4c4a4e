"""
Every constant of the model, loaded once from the TOML files of a folder, and resolved for one simulation.

A table with the key ``value`` is a parameter, named by the dotted path of the table. Any other table may give
``source`` and ``read`` for all below it. ``states.toml`` and ``drugs.toml`` hold presets and blocks.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from dhmodel.errors import InputError, listing, quoted, unknown
from dhmodel.parameters.resolved import Parameters
from dhmodel.parameters.schema import DrugEntry, Parameter, ParameterEntry, StateEntry, to_parameter
from dhmodel.units import canonical, to_si

FOLDER = Path(__file__).parent
_INHERITED = ("source", "read")


@dataclass(frozen=True)
class Registry:
    """Read-only parameters, states and drugs of one folder."""

    parameters: Mapping[str, Parameter]
    states: Mapping[str, StateEntry]
    drugs: Mapping[str, DrugEntry]

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

    def resolve(
        self,
        state: str = "naive",
        set: Mapping[str, object] | None = None,
        drugs: Mapping[str, object] | None = None,
    ) -> Parameters:
        """See `resolve` of this module."""
        if not isinstance(state, str) or state not in self.states:
            raise unknown("state", state, self.states)
        values = {path: parameter.si for path, parameter in self.parameters.items()}
        for path, preset in self.states[state].set.items():
            values[path] = self.parameter(path, f'state "{state}"').check(preset, f'state "{state}"')
        for path, given in _mapping("set", set).items():
            values[path] = self.parameter(path, "set").check(given)
        for drug, dose in self.doses(drugs):
            self._block(values, drug, dose)
        return Parameters(values)

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

    def _block(self, values: dict[str, float], drug: str, dose: float) -> None:
        for path, block in self.drugs[drug].block.items():
            parameter = self.parameter(path, f'drug "{drug}"')
            blocked = canonical(values[path] * (1 - dose * block))
            values[path] = parameter.within(blocked, f'{path} under drug "{drug}"')


@lru_cache(maxsize=8)
def load(folder: Path = FOLDER) -> Registry:
    """
    Load the TOML files of a folder, once per process.

    Raises
    ------
    InputError
        A file is not TOML, an entry breaks the schema, or a path is defined twice.
    """
    parameters: dict[str, Parameter] = {}
    for file in sorted(folder.glob("*.toml")):
        if file.name in ("states.toml", "drugs.toml"):
            continue
        for path, table in _leaves(_read(file), "", {}, file.name):
            if path in parameters:
                raise InputError(f"{file.name}: {path} is defined in another file too")
            parameters[path] = to_parameter(path, _validated(ParameterEntry, table, f"{file.name}: {path}"))
    states = _entries(folder / "states.toml", StateEntry)
    drugs = _entries(folder / "drugs.toml", DrugEntry)
    return Registry(MappingProxyType(parameters), MappingProxyType(states), MappingProxyType(drugs))


def parameter(path: str) -> Parameter:
    """
    Look up default, unit, range and source of one parameter.

    Raises
    ------
    InputError
        No such path; the message names the nearest ones.
    """
    return load().parameter(path)


def paths() -> tuple[str, ...]:
    """List the dotted path of every parameter, in the order of the files."""
    return tuple(load().parameters)


def states() -> Mapping[str, StateEntry]:
    """Return every state of the cord, by name."""
    return load().states


def drugs() -> Mapping[str, DrugEntry]:
    """Return every drug, by name."""
    return load().drugs


def doses(drugs: Mapping[str, object] | None) -> tuple[tuple[str, float], ...]:
    """
    Validate doses and return (drug, dose) pairs, sorted by name.

    Raises
    ------
    InputError
        Unknown drug, or a dose that is no number from 0 to 1.
    """
    return load().doses(drugs)


def resolve(
    state: str = "naive",
    set: Mapping[str, object] | None = None,
    drugs: Mapping[str, object] | None = None,
) -> Parameters:
    """
    Resolve the parameters of one simulation: defaults, then the state's preset, then `set`, then the drugs.

    Parameters
    ----------
    state : str
        Name of a state.
    set : mapping of {str : object}, optional
        Path to value: text with a unit, a Brian2 quantity, or a number where the parameter is dimensionless.
    drugs : mapping of {str : object}, optional
        Drug to dose, 0 to 1.

    Returns
    -------
    resolved : Parameters
        Path to SI value, for every parameter.

    Raises
    ------
    InputError
        Unknown state, path or drug; wrong type or unit; out of range.
    """
    return load().resolve(state, set, drugs)


def _mapping(what: str, given: Mapping[str, object] | None) -> Mapping[str, object]:
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"{what}: got {quoted(given)}, needs a mapping of name to value")
    return given or {}


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file.name}: {error}") from None


def _leaves(
    table: dict[str, Any], path: str, inherited: dict[str, str], file: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, table) of every parameter, with the source and reading of the groups it lies in."""
    if "value" in table and not isinstance(table["value"], dict):
        yield path, inherited | table
        return
    own = {key: table[key] for key in _INHERITED if isinstance(table.get(key), str)}
    for key, below in table.items():
        here = f"{path}.{key}" if path else key
        if isinstance(below, dict):
            yield from _leaves(below, here, inherited | own, file)
        elif key not in own:
            raise InputError(
                f'{file}: {here} is neither a table, nor the text "source" or "read" of its group'
            )


def _entries[Entry: BaseModel](file: Path, model: type[Entry]) -> dict[str, Entry]:
    return {name: _validated(model, table, f"{file.name}: {name}") for name, table in _read(file).items()}


def _validated[Entry: BaseModel](model: type[Entry], table: object, where: str) -> Entry:
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key}: {first['msg']}, got {quoted(first['input'])}") from None
