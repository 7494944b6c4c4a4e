"""The sliding threshold of the motor cortex: its equation, and the signs that follow for every pattern."""

import numpy as np
import pytest

from dhmodel.parameters import resolve
from dhmodel.slow.epochs import Stretch, advance
from dhmodel.slow.functions import functions, of_cord
from dhmodel.slow.states import Slow, package
from dhmodel.slow.targets import Targets
from dhmodel.stimulation.conditions import conditions
from dhmodel.stimulation.paradigms import find_paradigm


def picked(known, *names):
    """Those of the package that the rule needs."""
    return {name: one for name, one in known.items() if name in names}


STATES = picked(
    package().states, "cortex_inhibition", "cortex_threshold", "cortex_potentiation", "cortex_depression"
)
QUANTITIES = picked(package().quantities, "motor_cortex_reached", "cortex_activity", "cortex_calcium")
NUMBERS = {one.path: float(one.si) for one in package().numbers}
NONE = dict.fromkeys(("rtms_rate", "rtms_bursts", "rtms_calcium", "rtms_motor"), 0.0)
FROZEN = {"slow.cortex_threshold.bursts": 1e9}
"""A threshold that does not slide."""


def delivered(pattern, length, **settings):
    """What an epoch of a session says of its pulses."""
    P = resolve(set={"rtms.pattern": pattern, **settings})
    (one,) = conditions(P, find_paradigm("rtms"), length)
    return {name: one.delivered()[name] for name in NONE}, one.session


def moved(start, states, drives, span, numbers, tolerance=0.1):
    """States after a stretch with these drives."""
    targets = Targets(Slow(STATES, QUANTITIES), NUMBERS | numbers)
    own, called = targets.own, functions({}, {})
    rest = np.array([one.rest.evaluate(own[name], of_cord({})) for name, one in STATES.items()])
    low, high = (np.array([getattr(one, key) for one in STATES.values()]) for key in ("low", "high"))
    raw = targets.under(drives, called)

    def target(values):
        return np.clip(rest + raw(values, called), low, high)

    on, off = (np.array([own[name][key] for name in STATES]) for key in ("on", "off"))
    nothing = np.zeros(len(STATES), dtype=bool)
    stretch = Stretch(start, start + span, rest, on, off, high - low, nothing, lambda _: target)
    states = rest if states is None else states
    return advance(stretch, states, np.zeros_like(rest), lambda _: {}, tolerance).states


def after(pattern, numbers=None, **settings):
    """Growth less shrinking of synapses ten minutes after a session."""
    pulses, session = delivered(pattern, 1.0, **settings)
    cycle = session.cycle
    if 0 < cycle <= 10:  # an epoch holds whole trains: it sees their mean
        pulses, session = delivered(pattern, cycle, **settings)
        spans = [(pulses, session.length)]
    elif cycle:
        spans = [(pulses, session.on), (NONE, session.off)] * round(session.length / cycle)
    else:
        spans = [(pulses, session.length)]
    time, states = 0.0, None
    for drives, span in [*spans, (NONE, 600.0)]:
        states = moved(time, states, drives, span, numbers or {})
        time += span
    found = dict(zip(STATES, states.tolist(), strict=True))
    return found["cortex_potentiation"] - found["cortex_depression"]


@pytest.mark.parametrize(
    ("pattern", "sign"),
    [
        ("1hz", -1),
        ("5hz", 1),
        ("10hz", 1),
        ("20hz", 1),
        ("itbs", 1),
        ("ctbs", -1),
        ("pitbs", -1),
        ("pctbs", 1),
    ],
)
def test_every_pattern_has_its_sign(pattern, sign):
    assert sign * after(pattern) > 0.05


def test_continuous_theta_bursts_turn_twice():
    """Their first seconds facilitate, 40 s of them inhibit, and 80 s facilitate again."""
    found = [after("ctbs", **{"rtms.ctbs.pulses": pulses}) for pulses in (105, 600, 1200)]
    assert found[1] < -0.1 and min(found[0], found[2]) > 0.1


def test_without_a_sliding_threshold_longer_trains_only_do_more():
    """It is the threshold that turns the sign: frozen, doubling leaves it as it is."""
    for pattern, sign in (("itbs", 1), ("ctbs", -1)):
        short, long = after(pattern, FROZEN), after(f"p{pattern}", FROZEN)
        assert sign * long > sign * short > 0


def test_the_threshold_relaxes_to_the_square_of_the_activity():
    """Against the solution of its equation: fixed activity, so it goes exponentially to a weighted mean."""
    pulses, _ = delivered("1hz", 1.0)
    own = {key: number.si for key, number in STATES["cortex_threshold"].numbers.items()}
    half = NUMBERS["slow.motor_cortex_reached.half"]
    share = pulses["rtms_motor"] ** 2 / (pulses["rtms_motor"] ** 2 + half**2)
    tired = moved(0, None, pulses, 3600, {})[list(STATES).index("cortex_inhibition")]
    activity = 1.5 * pulses["rtms_calcium"] / (pulses["rtms_calcium"] + 0.5 * (1 + tired**2))
    gain = share * pulses["rtms_bursts"] * pulses["rtms_calcium"] / own["bursts"]
    pace = 1 / own["recovery"] + gain
    end = (1 / own["recovery"] + gain * activity**2) / pace
    states = moved(0, None, pulses, 300.0, {}, 0.01)
    begin = states[list(STATES).index("cortex_threshold")]
    for span in (50.0, 100.0, 400.0):
        there = moved(0, states, pulses, span, {}, 0.01)[list(STATES).index("cortex_threshold")]
        assert there == pytest.approx(end + (begin - end) * np.exp(-pace * span), abs=1e-3)


def test_a_coil_elsewhere_leaves_motor_synapses_alone():
    pulses, session = delivered("ctbs", 1.0, **{"rtms.target": "dlpfc"})
    rest = moved(0, None, NONE, 1.0, {})
    assert pulses["rtms_motor"] == 0 and np.allclose(moved(0, None, pulses, session.length, {}), rest)
