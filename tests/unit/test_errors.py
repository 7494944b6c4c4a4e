"""Messages for unknown names."""

from dhmodel.errors import DHModelError, EngineError, InputError, quoted, unknown

LONG = [f"group{i}.name{j}" for i in range(10) for j in range(10)] + ["tonic.frequency"]


def test_a_short_list_is_given_in_full():
    assert str(unknown("paradigm", "tonik", ["none", "tonic"], 'axis "paradigm"')) == (
        'unknown paradigm "tonik" in axis "paradigm"; allowed: none, tonic; nearest: "tonic"'
    )


def test_a_long_list_is_cut_to_the_nearest():
    message = str(unknown("parameter", "frequency", LONG))
    assert message.endswith(' and 96 more; nearest: "tonic.frequency"')
    assert message.startswith('unknown parameter "frequency"; allowed: tonic.frequency, ')


def test_case_does_not_hide_the_nearest_name():
    assert str(unknown("population", "wdr", ["PN", "EX", "WDR"])).endswith('nearest: "WDR"')


def test_nothing_allowed():
    assert str(unknown("drug", "x", [])) == 'unknown drug "x"; allowed: none'


def test_given_values_are_shown_on_one_line_and_cut():
    assert quoted("a\n b") == '"a b"'
    assert len(quoted("x" * 1000)) == 62
    assert quoted(None) == "None"


def test_errors_can_be_caught_as_usual():
    assert issubclass(InputError, ValueError)
    assert issubclass(InputError, DHModelError)
    assert issubclass(EngineError, RuntimeError)


def test_an_error_is_one_printable_line_whatever_it_is_made_of():
    assert str(InputError("a\nb \x1b[31m\u202ec\0")) == "a b \\x1b[31m\\u202ec\\x00"
    assert len(str(InputError("x" * 5000))) == 1000
    assert quoted(10**5000) == "a int that cannot be shown"
