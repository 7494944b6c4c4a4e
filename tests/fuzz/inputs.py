"""Hypothesis strategies for what a user may type or hand in, right, nearly right and wrong."""

from hypothesis import strategies as st

from dhmodel.listing import list_drugs, list_lesions, list_paradigms, list_states, list_stimuli
from dhmodel.parameters import parameter, paths
from dhmodel.units import format_si

PATHS = paths()
UNITS = "s ms us Hz kHz m mm um A mA uA nA pA V mV S nS nS/ms ohm F pF C degC mM uM % 1 N mN h min".split()
ODD_UNITS = ["", "hz", "Mhz", "m/s", "1/s", "s*s^-1", "mA*", "((s", "s^99999", "s^0", "µs", "Ω", "☃", "nan"]

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, -1, 0]),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=30),
    st.binary(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.just(object()),
)

odd_text = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "\n", "\x1b[31mred", "nan", "inf", "-inf", "none", "1e999", "1" * 5000, "a" * 5000]
        + ["../..", "/etc/passwd", "a.toml", "/dev/zero.toml", ".toml", "x" * 300 + ".toml", "\0.toml"]
        + ["__class__", "0x10", "１２", "٣", "1_000", "one", "\ud800", "\u202egnp"]
    ),
)


def near(names) -> st.SearchStrategy[str]:
    """Names, and the same with a slip of the pen."""
    right = st.sampled_from(sorted(names))
    slip = st.builds(
        lambda name, at, letter: name[:at] + letter + name[at + 1 :],
        right,
        st.integers(0, 9),
        st.text(max_size=1),
    )
    return st.one_of(right, right, right, slip, right.map(str.upper), odd_text)


def quantities(units=None) -> st.SearchStrategy[str]:
    """Text of a number and a unit, most of which fit nothing in particular."""
    numbers = st.one_of(
        st.floats(0, 100).map(repr),
        st.floats().map(repr),
        st.integers(-5, 2000).map(str),
        st.sampled_from(
            ["nan", "inf", "-inf", "1e308", "1e-320", "-0", "+5", ".5", "5.", "1e400", "1e99999", "0"]
        ),
    )
    chosen = st.sampled_from([*(units or UNITS), *ODD_UNITS])
    return st.builds(
        lambda number, space, unit: f"{number}{space}{unit}",
        numbers,
        st.sampled_from(["", " ", "  "]),
        chosen,
    )


@st.composite
def allowed(draw, path: str):
    """A value that the declared range of a parameter allows, mostly at its ends."""
    found = parameter(path)
    if found.choices:
        return draw(st.sampled_from(found.choices))
    low = -1e12 if found.minimum is None else found.minimum
    high = 1e12 if found.maximum is None else found.maximum
    ends = [low, high, min(max(0.0, low), high)]
    number = draw(st.one_of(st.sampled_from(ends), st.floats(low, high)))
    if found.integer:
        return round(number)
    return number if found.unit == "1" else f"{number!r} {found.unit}"


@st.composite
def settings_(draw, most=4):
    """Mappings for `set`: right paths with allowed values, and wrong ones."""
    given = {}
    for _ in range(draw(st.integers(0, most))):
        if draw(st.integers(0, 9)):
            path = draw(st.sampled_from(PATHS))
            given[path] = draw(st.one_of(allowed(path), allowed(path), allowed(path), quantities(), anything))
        else:
            given[draw(near(PATHS))] = draw(st.one_of(quantities(), anything))
    return given


def fits(path: str) -> st.SearchStrategy:
    """Mappings of one path to a value in its range."""
    return allowed(path).map(lambda value: {path: value})


good_settings = st.lists(st.sampled_from(PATHS), max_size=5, unique=True).flatmap(
    lambda chosen: st.fixed_dictionaries({path: allowed(path) for path in chosen})
)
paradigm_names = near(list_paradigms())
state_names = st.one_of(
    near(list_states()),
    st.builds("{}#{}".format, near(list_states()), st.one_of(st.integers(-1, 10**12), odd_text)),
)
stimulus_names = near(list_stimuli())
doses = st.dictionaries(
    near(list_drugs()), st.one_of(st.floats(0, 1), quantities(["1", "%"]), anything), max_size=3
)
lesions = st.one_of(
    near(list_lesions()),
    st.builds("{}={}".format, near(list_lesions()), st.one_of(st.floats(-0.1, 1.1), odd_text)),
    st.lists(near(list_lesions()), max_size=3).map("+".join),
    st.dictionaries(
        near(list_lesions()), st.one_of(st.floats(0, 1), quantities(["1", "%"]), anything), max_size=2
    ),
    anything,
)
durations = st.one_of(
    st.none(), st.floats(0.01, 10).map("{!r} s".format), quantities(["s", "ms", "min", "h"]), anything
)
whole = st.one_of(st.integers(0, 5), st.integers(), anything)


def default(path: str) -> str:
    """The default of a parameter as text."""
    found = parameter(path)
    return str(found.si) if found.choices else format_si(float(found.si), found.unit)
