"""What can be asked for: names of paradigms, states, drugs and stimuli, with what they are."""

from dhmodel.parameters import drugs, lesions, states
from dhmodel.stimulation.afferents import paradigms, stimuli

__all__ = ["list_drugs", "list_lesions", "list_paradigms", "list_states", "list_stimuli"]


def list_paradigms() -> dict[str, str]:
    """Stimulation paradigms: name to one line about it."""
    return {name: entry.about for name, entry in paradigms().items()}


def list_stimuli() -> dict[str, str]:
    """Test stimuli: name to one line about it."""
    return {name: entry.about for name, entry in stimuli().items()}


def list_states() -> dict[str, str]:
    """States of the cord: name to one line about it."""
    return {name: entry.about for name, entry in states().items()}


def list_drugs() -> dict[str, str]:
    """Drugs: name to receptor and sign, and one line about it."""
    return {name: f"{entry.kind()}: {entry.about}" for name, entry in drugs().items()}


def list_lesions() -> dict[str, str]:
    """Lesions: name to one line about it."""
    return {name: entry.about for name, entry in lesions().items()}
