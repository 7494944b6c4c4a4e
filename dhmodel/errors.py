"""The errors that users see, each one line that names what was given and what is allowed."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from numbers import Number

_LONGEST_FULL_LIST = 12
_NEAREST = 5
_LONGEST_MESSAGE = 1000


class DHModelError(Exception):
    """
    Any failure that `dhmodel` explains; the command line prints it as one line and exits with status 2.

    One printable line, whatever names, paths and complaints of others it was made of.
    """

    def __init__(self, message: object):
        super().__init__(one_line(str(message)))


class InputError(DHModelError, ValueError):
    """What was asked for does not exist, has the wrong type or unit, or is out of range."""


class StoreError(DHModelError):
    """A result store cannot be written, read or continued."""


class EngineError(DHModelError, RuntimeError):
    """A simulation could not be built or run, or gave non-finite values."""


class Interrupted(Exception):
    """Ctrl-C with something to say; typer turns a KeyboardInterrupt into a bare exit status."""


def quoted(given: object) -> str:
    """Show a user's value in an error message: one line, at most 60 characters, strings in quotes."""
    try:
        # str() of a number, because numpy's repr is "np.float64(50.0)"
        text = str(given) if isinstance(given, str | Number) else repr(given)
    except Exception:  # what is shown may be anything; of an endless number Python makes no text
        text = f"a {type(given).__name__} that cannot be shown"
    text = one_line(text, 60)
    return f'"{text}"' if isinstance(given, str) else text


def one_line(text: str, longest: int = _LONGEST_MESSAGE) -> str:
    """Bring text onto one line of a length, with what a terminal would not print, or would obey, escaped."""
    words = " ".join(text.split())
    line = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in words
    )
    return line if len(line) <= longest else line[: longest - 3] + "..."


def unknown(kind: str, given: object, allowed: Iterable[str], where: str = "") -> InputError:
    """
    Make the error for a name that is not among the allowed ones.

    Parameters
    ----------
    kind : str
        What the name should be, such as ``"paradigm"``.
    given : object
        What the user wrote.
    allowed : iterable of str
        Every allowed name; a long list is cut to the nearest five.
    where : str
        Where it was written, such as ``'axis "paradigm"'``.

    Returns
    -------
    InputError
        To be raised by the caller.
    """
    names = list(allowed)
    place = f" in {where}" if where else ""
    shown = quoted(given).strip('"')
    message = f"unknown {kind} {quoted(given)}{place}; allowed: {listing(names, shown)}"
    if names:
        message += f'; nearest: "{nearest(shown, names)[0]}"'
    return InputError(message)


def listing(names: list[str], given: str = "") -> str:
    """Join names with commas; of a long list, the five nearest to `given` and how many more there are."""
    if not names:
        return "none"
    if len(names) <= _LONGEST_FULL_LIST:
        return ", ".join(names)
    shown = nearest(given, names)
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"


def nearest(given: str, names: list[str]) -> list[str]:
    """Pick the five names most like `given`, best first; ties keep their order."""
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(given.lower())

    def likeness(name: str) -> float:
        matcher.set_seq1(name.lower())
        return matcher.ratio()

    return sorted(names, key=likeness, reverse=True)[:_NEAREST]
