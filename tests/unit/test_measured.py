"""Given trains in the place of the circuit's fibres."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.afferents import afferents
from dhmodel.stimulation.fibres import fibre_sizes, members
from dhmodel.stimulation.measured import as_input, check_span
from dhmodel.stimulation.trains import SpikeTrains

P = resolve()
AB = members(P, "AB")
GIVEN = SpikeTrains([0.1, 0.2, 0.3], [0, 1, 1], ["AB", "AB"])


@pytest.fixture(scope="module")
def background() -> SpikeTrains:
    return afferents(stimulus="pinch", duration="2 s")


def times_of(trains: SpikeTrains, fibre: int) -> list[float]:
    return trains.times[trains.fibres == fibre].tolist()


def others(trains: SpikeTrains, replaced) -> list[list[float]]:
    return [times_of(trains, fibre) for fibre in range(trains.n_fibres) if fibre not in set(replaced)]


def test_given_fibres_replace_the_first_of_their_class(background):
    entered = as_input(GIVEN, P, background=background)
    assert [times_of(entered, fibre) for fibre in AB[:2]] == [[0.1], [0.2, 0.3]]
    assert entered.classes.tolist() == background.classes.tolist()
    assert others(entered, AB[:2]) == others(background, AB[:2])


def test_repeat_gives_every_fibre_of_the_class_a_given_train(background):
    entered = as_input(GIVEN, P, fill="repeat", background=background)
    expected = [[0.1], [0.2, 0.3]] * AB.size
    assert [times_of(entered, fibre) for fibre in AB] == expected[: AB.size]
    assert others(entered, AB) == others(background, AB)


def test_silent_leaves_the_rest_of_the_class_without_a_spike(background):
    entered = as_input(GIVEN, P, fill="silent", background=background)
    assert entered.of("AB").times.tolist() == [0.1, 0.2, 0.3]
    assert others(entered, AB) == others(background, AB)


@pytest.mark.parametrize("fill", ["background", "silent"])
def test_without_a_background_only_the_given_spikes_enter(fill):
    entered = as_input(GIVEN, P, fill=fill)
    assert entered.times.tolist() == [0.1, 0.2, 0.3]
    assert entered.fibres.tolist() == [AB[0], AB[1], AB[1]]


def test_classes_may_come_in_any_order(background):
    mixed = SpikeTrains([0.1, 0.2, 0.3], [0, 1, 2], ["CP", "AB", "CP"])
    entered = as_input(mixed, P, fill="silent", background=background)
    assert entered.of("CP").times.tolist() == [0.1, 0.3]
    assert entered.of("AB").times.tolist() == [0.2]


def test_a_silent_fibre_silences(background):
    entered = as_input(SpikeTrains([], [], ["CP"]), P, fill="silent", background=background)
    assert len(background.of("CP")) > 0
    assert len(entered.of("CP")) == 0


def test_trains_of_the_circuit_itself_are_left_alone(background):
    entered = as_input(background, P)
    assert entered.digest() == background.digest()


def test_too_many_fibres_say_how_many_fit_and_what_makes_room():
    room = fibre_sizes(P)["IA"]
    full, over = (SpikeTrains([], [], ["IA"] * n) for n in (room, 2 * room))
    assert as_input(full, P).n_fibres == sum(fibre_sizes(P).values())
    with pytest.raises(
        InputError, match=f"{2 * room} fibres of class IA, the circuit has {room}; circuit.scale = 2 "
    ):
        as_input(over, P)
    assert as_input(over, resolve(set={"circuit.scale": 2})).of("IA").n_fibres == 2 * room


def test_a_class_that_is_no_fibre_is_refused():
    with pytest.raises(InputError, match='unknown fibre class "ON" in trains'):
        as_input(SpikeTrains([], [], ["ON"]), P)


def test_an_unknown_fill_is_refused():
    with pytest.raises(InputError, match='unknown fill "tile"; allowed: background, repeat, silent'):
        as_input(GIVEN, P, fill="tile")


def test_a_background_of_another_circuit_is_refused(background):
    with pytest.raises(InputError, match="background: its fibres are not those of the circuit"):
        as_input(GIVEN, resolve(set={"circuit.scale": 2}), background=background)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            [-1.5, 0.0],
            r"trains: fibre 1 \(CP\): time -1.5 s is negative, allowed only within the warm-up, here 1 s",
        ),
        (
            [0.0, 2.0],
            r"trains: fibre 1 \(CP\): time 2.0 s is out of range, needs less than the duration of 2 s",
        ),
    ],
)
def test_spikes_outside_the_simulation_are_refused(times, message):
    with pytest.raises(InputError, match=message):
        check_span(SpikeTrains(times, [1, 1], ["AB", "CP"]), 2.0, 1.0)


def test_spikes_within_the_simulation_pass():
    check_span(SpikeTrains([-1.0, np.nextafter(2.0, 0.0)], [0, 0], ["AB"]), 2.0, 1.0)
