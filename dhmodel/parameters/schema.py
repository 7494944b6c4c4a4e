"""What the parameter files may contain, and what a parameter is once loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dhmodel.errors import InputError, quoted
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
type ReadOnly[Value] = Annotated[Mapping[str, Value], AfterValidator(MappingProxyType)]


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


class StateEntry(_Entry):
    """A state of the cord: a preset of parameters, as text with units or dimensionless numbers."""

    about: Text
    source: Text
    read: Read
    set: ReadOnly[str | Number] = Field(default_factory=lambda: MappingProxyType({}))


class DrugEntry(_Entry):
    """A drug: at dose d (0 to 1) each parameter in `block` is multiplied by 1 - d * block."""

    about: Text
    source: Text
    read: Read
    receptor: Text
    sign: Literal["antagonist", "agonist", "blocker"]
    block: Annotated[ReadOnly[Annotated[Number, Field(le=1)]], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    A constant of the model, where it comes from, and how its source was read.

    Attributes
    ----------
    path : str
        Dotted path, such as ``"tonic.frequency"``.
    value : float or int
        Default, in `unit`.
    unit : str
        As written in the file.
    si : float or int
        Default in SI units; int where `integer`.
    about, source, read : str
        Meaning, citation, and how the citation was read.
    minimum, maximum : float or None
        Inclusive bounds in `unit`.
    integer : bool
        Whether only whole numbers are allowed.
    """

    path: str
    value: float | int
    unit: str
    si: float | int
    about: str
    source: str
    read: str
    minimum: float | None
    maximum: float | None
    integer: bool

    def check(self, given: object, where: str = "") -> float | int:
        """
        Convert what a user gave for this parameter to its SI value.

        Parameters
        ----------
        given : str, Brian2 quantity or number
            Numbers only where the parameter is dimensionless.
        where : str
            Where it was given, for the error message.

        Returns
        -------
        float or int
            In SI units; int where the parameter is an integer.

        Raises
        ------
        InputError
            Wrong unit, not a number, out of range, or not whole where only whole numbers are allowed.
        """
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

    def allowed(self) -> str:
        """Say the allowed range in words, such as ``"0 Hz to 1000 Hz"``."""
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
        lines = [f"{self.path} = {format_si(self.si, self.unit)}"]
        lines += [f"  {self.about}"] if self.about else []
        whole = ", whole numbers only" if self.integer else ""
        lines += [f"  allowed: {self.allowed()}{whole}", f"  source: {self.source}", f"  read: {self.read}"]
        return "\n".join(lines)


def to_parameter(path: str, entry: ParameterEntry) -> Parameter:
    """
    Make a parameter from its entry in a file.

    Raises
    ------
    InputError
        Unknown unit, or a default that breaks its own bounds.
    """
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
