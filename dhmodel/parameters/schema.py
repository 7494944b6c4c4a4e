"""What the parameter files may contain, and what a parameter is once loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dhmodel.errors import InputError, quoted, unknown
from dhmodel.units import UnitError, canonical, format_si, scale, to_si

Read = Literal[
    "abstract",
    "table or figure",
    "peer-model file",
    "computed from peer-model file",
    "textbook",
    "memory, unverified",
    "secondary source",
    "calibrated",
    "convention",
    "hypothesis",
    "prototype",
]
Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(allow_inf_nan=False)]
type ReadOnly[Content] = Annotated[Mapping[str, Content], AfterValidator(MappingProxyType)]
type Value = float | int | str


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ParameterEntry(_Entry):
    """One parameter as written in a file; `value`, `min` and `max` are in `unit`, the bounds inclusive."""

    value: Number
    unit: Text
    about: str = ""
    source: Text
    read: Read
    min: Number | None = None
    max: Number | None = None
    integer: bool = False


class ChoiceEntry(_Entry):
    """One parameter that names one of a few alternatives, as written in a file."""

    value: Text
    choices: Annotated[list[Text], Field(min_length=2)]
    about: str = ""
    source: Text
    read: Read


class SpreadEntry(_Entry):
    """How a parameter varies over the cords of a cohort, around the value of the preset.

    ``lognormal``: the value times exp(sd z), z standard normal; ``logitnormal``: for a fraction, whose
    logarithm of the odds moves by sd z; ``normal``: the value plus sd z, where sd is in the parameter's unit.
    """

    draw: Literal["lognormal", "logitnormal", "normal"]
    sd: Annotated[Number, Field(gt=0)]


class StateEntry(_Entry):
    """A state of the cord: a preset of parameters, as text with units or dimensionless numbers.

    `like` names a state whose `set` and `spread` it has too, under its own; `spread` says how the cords of a
    cohort differ.
    """

    about: Text
    source: Text
    read: Read
    like: str = ""
    set: ReadOnly[str | Number] = Field(default_factory=lambda: MappingProxyType({}))
    spread: ReadOnly[SpreadEntry] = Field(default_factory=lambda: MappingProxyType({}))


class LesionEntry(_Entry):
    """A lesion: the values that a full cut gives parameters, as text with units or dimensionless numbers."""

    about: Text
    source: Text
    read: Read
    set: Annotated[ReadOnly[str | Number], Field(min_length=1)]


class ActEntry(_Entry):
    """What a drug does at one receptor.

    At dose d an antagonist leaves the fraction 1 - d * share of the receptors free, an agonist activates at
    least d * share of them. With `block`, each parameter in it is multiplied by 1 - d * block instead.
    """

    receptor: Text
    sign: Literal["antagonist", "agonist", "blocker"]
    share: Annotated[Number, Field(gt=0, le=1)] = 1
    block: ReadOnly[Annotated[Number, Field(le=1)]] = Field(default_factory=lambda: MappingProxyType({}))

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.sign == "blocker") and not self.block:
            raise ValueError("a blocker needs a block")
        return self


class DrugEntry(_Entry):
    """A drug: what it does at each receptor that it holds."""

    about: Text
    source: Text
    read: Read
    acts: Annotated[list[ActEntry], Field(min_length=1)]

    def kind(self) -> str:
        """Receptors and signs in words: ``"mu, delta antagonist"``."""
        signs = dict.fromkeys(act.sign for act in self.acts)
        groups = (", ".join(a.receptor for a in self.acts if a.sign == sign) + f" {sign}" for sign in signs)
        return "; ".join(groups)


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    A constant of the model, where it comes from, and how its source was read.

    Attributes
    ----------
    path : str
        Dotted path, such as ``"tonic.frequency"``.
    value : float, int or str
        Default, in `unit`; text where there are `choices`.
    unit : str
        As written in the file; empty where there are `choices`.
    si : float, int or str
        Default in SI units; int where `integer`; text where there are `choices`.
    about, source, read : str
        Meaning, citation, and how the citation was read.
    minimum, maximum : float or None
        Inclusive bounds in `unit`.
    integer : bool
        Whether only whole numbers are allowed.
    choices : tuple of str
        The names allowed; empty for a quantity.
    """

    path: str
    value: Value
    unit: str
    si: Value
    about: str
    source: str
    read: str
    minimum: float | None
    maximum: float | None
    integer: bool
    choices: tuple[str, ...] = ()

    def check(self, given: object, where: str = "") -> Value:
        """
        Convert what a user gave for this parameter to its SI value.

        Parameters
        ----------
        given : str, Brian2 quantity or number
            Numbers only where the parameter is dimensionless; one of the names where there are `choices`.
        where : str
            Where it was given, for the error message.

        Returns
        -------
        float, int or str
            In SI units; int where the parameter is an integer; the name where there are `choices`.

        Raises
        ------
        InputError
            Wrong unit, not a number, out of range, not whole where only whole numbers are allowed, or not
            one of the choices.
        """
        if self.choices:
            if not isinstance(given, str) or given not in self.choices:
                raise unknown(self.path, given, self.choices, where)
            return str(given)
        name = f"{self.path} in {where}" if where else self.path
        return self.within(to_si(given, self.unit, name), name)

    def within(self, si: float, name: str) -> float | int:
        """Return `si`, as int where `integer`; InputError naming what is allowed if it is out of range."""
        step = scale(self.unit)
        low = self.minimum is not None and si < canonical(self.minimum * step)
        high = self.maximum is not None and si > canonical(self.maximum * step)
        if low or high:
            raise InputError(f"{name}: got {quoted(format_si(si, self.unit))}, allowed: {self.allowed()}")
        if not self.integer:
            return si
        if si != int(si):
            raise InputError(f"{name}: got {si:g}, needs a whole number such as {round(si)}")
        return int(si)

    def default(self) -> str:
        """Write the default as a user would: ``"50 Hz"``, or a name."""
        return self.si if isinstance(self.si, str) else format_si(self.si, self.unit)

    def allowed(self) -> str:
        """Say what is allowed in words, such as ``"0 Hz to 1000 Hz"`` or ``"rat, human"``."""
        if self.choices:
            return ", ".join(self.choices)
        unit = "" if self.unit == "1" else f" {self.unit}"
        match self.minimum, self.maximum:
            case None, None:
                return f"any value in{unit}" if unit else "any number"
            case low, None:
                return f"at least {low:.15g}{unit}"
            case None, high:
                return f"at most {high:.15g}{unit}"
            case low, high:
                return f"{low:.15g}{unit} to {high:.15g}{unit}"

    def __str__(self) -> str:
        """Value, meaning, range, source and how it was read, one line each."""
        lines = [f"{self.path} = {self.default()}"]
        lines += [f"  {self.about}"] if self.about else []
        whole = ", whole numbers only" if self.integer else ""
        lines += [f"  allowed: {self.allowed()}{whole}", f"  source: {self.source}", f"  read: {self.read}"]
        return "\n".join(lines)


def to_parameter(path: str, entry: ParameterEntry | ChoiceEntry) -> Parameter:
    """
    Make a parameter from its entry in a file.

    Raises
    ------
    InputError
        Unknown unit, a default that breaks its own bounds or is not among its own choices.
    """
    if isinstance(entry, ChoiceEntry):
        return _to_choice(path, entry)
    try:
        si = canonical(entry.value * scale(entry.unit))
    except UnitError as error:
        raise UnitError(f"{path}: {error}") from None
    if entry.integer and entry.unit != "1":
        raise InputError(f'{path}: an integer parameter needs the unit "1", got {quoted(entry.unit)}')
    parameter = Parameter(
        path=path,
        value=entry.value,
        unit=entry.unit,
        si=si,
        about=entry.about,
        source=entry.source,
        read=entry.read,
        minimum=entry.min,
        maximum=entry.max,
        integer=entry.integer,
    )
    si = parameter.within(si, path)
    return replace(parameter, value=si, si=si) if entry.integer else parameter


def _to_choice(path: str, entry: ChoiceEntry) -> Parameter:
    parameter = Parameter(
        path=path,
        value=entry.value,
        unit="",
        si=entry.value,
        about=entry.about,
        source=entry.source,
        read=entry.read,
        minimum=None,
        maximum=None,
        integer=False,
        choices=tuple(entry.choices),
    )
    parameter.check(entry.value, "its default")
    return parameter


def validated[Entry: BaseModel](model: type[Entry], table: object, where: str) -> Entry:
    """
    Check a table of a file against what its kind of entry may hold.

    Raises
    ------
    InputError
        The first thing that is wrong, with `where`.
    """
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {key}: {first['msg']}, got {quoted(first['input'])}") from None
