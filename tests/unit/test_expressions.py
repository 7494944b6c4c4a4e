"""Numbers as expressions: what they compute, what they refuse, and that nothing else of Python gets in."""

import pickle

import numpy as np
import pytest
import xarray as xr

from dhmodel.errors import InputError
from dhmodel.expressions import in_order, parse

FUNCTIONS = {
    "double": lambda of: 2 * of,
    "between": lambda run, low, high=1.0: xr.DataArray([low, high], dims="replicate"),
}
NAMES = {
    "a": xr.DataArray([1.0, 2.0, 4.0], dims="replicate"),
    "b": xr.DataArray([2.0, 2.0, 2.0], dims="replicate"),
    "run": object(),
}


def value(text, **names):
    expression = parse(text, "here")
    expression.check({**NAMES, **names}, FUNCTIONS, {})
    return np.asarray(expression.evaluate({**NAMES, **names}, FUNCTIONS)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3 - 4 / 8", 6.5),
        ("-a ** 2", [-1, -4, -16]),
        ("(a + b) / b", [1.5, 2, 3]),
        ("double(a) - 1", [1, 3, 7]),
        ("between(run, 0.5, high=3)", [0.5, 3]),
        ("a < b", [1, 0, 0]),
        ("1 < a <= 4", [0, 1, 1]),
        ("a < b or a > 3", [1, 0, 1]),
        ("a >= 2 and not a > 3", [0, 1, 0]),
        ("a / (b - 2)", [np.inf, np.inf, np.inf]),
    ],
)
def test_arithmetic_comparisons_and_functions(text, expected):
    assert value(text) == expected


def test_an_expression_serves_other_names_and_functions_and_another_process():
    expression = parse("double(c) ** 2 - c", "here")
    assert expression.evaluate({"c": 3.0}, FUNCTIONS) == 33
    assert expression.evaluate({"c": 1}, {"double": lambda of: -of}) == 0
    shipped = pickle.loads(pickle.dumps(expression))
    assert shipped.evaluate({"c": 3.0}, FUNCTIONS) == 33


def test_dimensions_meet_by_name():
    cells = xr.DataArray(np.ones((3, 2)), dims=("replicate", "cell"))
    assert value("double(c) * a", c=cells) == [[2, 2], [4, 4], [8, 8]]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "a.__class__",
        "(lambda: 1)()",
        "[x for x in a]",
        "a if b else 1",
        "{1: 2}",
        "f'{a}'",
        "a @ b",
        "a == b",
        "a[b]",
        "a[1:2]",
        "double(*a)",
        "double(**a)",
        "None",
        "True",
        "1j",
        "b'x'",
        "(x := 1)",
        "a & b",
        "a // 2",
    ],
)
def test_nothing_else_of_python_is_allowed(text):
    with pytest.raises(InputError, match=r"^here: .*(is not allowed|is not an expression)"):
        parse(text, "here")


@pytest.mark.parametrize("text", ["", "1 +", "a b", "import os", "a = 1", "\0"])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(InputError, match="^here: .* is not an expression$"):
        parse(text, "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d + 1", 'unknown name "d" in here; allowed: a, b, run'),
        ("doble(a)", 'unknown function "doble" in here.*nearest: "double"'),
        ("double()", r"here: double\(of\): missing a required argument: 'of'"),
        ("double(a, b)", r"here: double\(of\): too many positional arguments"),
        (
            "between(run, 1, hgh=2)",
            r"here: between\(run, low, high=1.0\): got an unexpected keyword argument",
        ),
    ],
)
def test_unknown_names_and_wrong_calls_are_named_before_anything_runs(text, message):
    with pytest.raises(InputError, match=message):
        parse(text, "here").check(NAMES, FUNCTIONS, {})


def test_words_are_checked_too():
    expression = parse("between(run, 'hgh')", "here")
    with pytest.raises(InputError, match='unknown low "hgh" in here: between.*nearest: "high"'):
        expression.check(NAMES, FUNCTIONS, {"low": ("high", "wide")})


def test_what_does_not_fit_together_is_one_line():
    with pytest.raises(InputError, match="^here: .*") as error:
        value("a + c", c=xr.DataArray([1.0, 2.0], dims="replicate"))
    assert "\n" not in str(error.value)
    assert np.isnan(value("1 / 0"))


def test_numbers_come_after_those_that_they_use():
    texts = {"c": "a + b", "b": "a * 2", "a": "run"}
    assert in_order({name: parse(text, name) for name, text in texts.items()}) == ["a", "b", "c"]
    with pytest.raises(InputError, match='x: "y" depends on itself'):
        in_order({"x": parse("y", "x"), "y": parse("x", "y")})
