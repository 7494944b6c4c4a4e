"""The potential of a contact over a layered cord, against solutions known in closed form."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.stimulation.electrode import (
    Contact,
    Medium,
    Reach,
    configuration,
    configurations,
    field,
    transform,
)

POINT = Contact(1e-6, 1e-6)
CORD = Medium(0.3e-3, 0.04, 1.7, 0.6, 0.083)
NEAR = Reach(4e-3, 1e-3, 0.0, 0.4e-3)
X = np.linspace(0.0, 4e-3, 41)[:, None]
Y = np.array([0.0, 0.25e-3, 0.9e-3])


def distances(z: float, ratio: float = 1.0) -> np.ndarray:
    """From the contact to points at depth z; lengths along the cord divided by the root of `ratio`."""
    return np.sqrt(X**2 / ratio + Y**2 + z**2)


@pytest.mark.parametrize("depth", [0.0, 0.03e-3, 0.2e-3, 0.4e-3])
def test_in_one_medium_the_potential_is_that_of_a_point_source(depth):
    medium = Medium(0.3e-3, 0.5, 0.5, 0.5, 0.5)
    found = field(medium, POINT, NEAR).at(X, Y, depth)
    exact = 1 / (4 * math.pi * 0.5 * distances(depth + 0.3e-3))
    np.testing.assert_allclose(found, exact, rtol=3e-3)


@pytest.mark.parametrize(("above", "below"), [(0.04, 1.7), (1.7, 0.1)])
def test_at_a_boundary_of_two_media_the_mean_conductivity_counts(above, below):
    """The contact lies on the boundary of fat and fluid, and the rest conducts as the fluid does."""
    found = field(Medium(0.3e-3, above, below, below, below), POINT, NEAR).at(X, Y, 0.1e-3)
    np.testing.assert_allclose(found, 1 / (2 * math.pi * (above + below) * distances(0.4e-3)), rtol=3e-3)


@pytest.mark.parametrize(("above", "below"), [(1.7, 0.1), (0.1, 1.7)])
def test_beyond_a_boundary_the_potential_is_that_of_the_transmitted_image(above, below):
    """Fat conducts as the fluid, white matter differs: the method of images, seen from the far side."""
    found = field(Medium(0.3e-3, above, above, below, below), POINT, NEAR).at(X, Y, 0.1e-3)
    np.testing.assert_allclose(found, 1 / (2 * math.pi * (above + below) * distances(0.4e-3)), rtol=3e-3)


def test_on_an_anisotropic_half_space_the_potential_is_stretched_along_the_fibres():
    """Hardly any fluid and insulating fat leave a source on the surface of the white matter."""
    medium = Medium(1e-9, 1e-9, 1.7, 0.6, 0.083)
    found = field(medium, POINT, Reach(4e-3, 1e-3, 0.3e-3, 0.6e-3)).at(X, Y, 0.4e-3)
    exact = 1 / (2 * math.pi * math.sqrt(0.6 * 0.083) * distances(0.4e-3, 0.6 / 0.083))
    np.testing.assert_allclose(found, exact, rtol=3e-3)


def test_all_current_flows_through_every_depth_below_insulating_fat():
    k = np.array([1e-3, 1e-2])
    down = np.hypot(math.sqrt(0.6 / 0.083) * k, k)
    for depth in (0.0, 1e-3, 5e-3):
        flux = 0.083 * down * transform(replace(CORD, fat=1e-12), k, k, np.array(depth))
        np.testing.assert_allclose(flux, 1.0, rtol=1e-3)


def test_no_current_appears_or_vanishes_in_the_white_matter():
    table = field(CORD, Contact(0.5e-3, 0.5e-3), NEAR, 3.0)
    v, steps = table.volts, (table.z[1], table.y[1], table.x[2])
    z, y, x = (np.diff(v, 2, axis)[_inner(axis)] / step**2 for axis, step in enumerate(steps))
    divergence = 0.6 * x + 0.083 * (y + z)
    assert np.abs(divergence).max() < 0.02 * np.abs(0.6 * x).max()


def _inner(axis: int) -> tuple[slice, ...]:
    return tuple(slice(None) if other == axis else slice(1, -1) for other in range(3))


def test_a_finer_grid_changes_nothing():
    contact = Contact(0.5e-3, 0.5e-3)
    coarse, fine = field(CORD, contact, NEAR), field(CORD, contact, NEAR, 3.0)
    for depth in (0.02e-3, 0.11e-3, 0.37e-3):
        np.testing.assert_allclose(coarse.at(X, Y, depth), fine.at(X, Y, depth), rtol=2e-3)


def test_beyond_the_table_the_potential_falls_about_as_it_should():
    small, large = field(CORD, POINT, NEAR), field(CORD, POINT, Reach(8e-3, 1e-3, 0.0, 0.4e-3))
    x = np.linspace(3e-3, 7e-3, 17)
    np.testing.assert_allclose(small.at(x, 0.1e-3, 0.1e-3), large.at(x, 0.1e-3, 0.1e-3), rtol=0.15)


def test_a_contact_is_even_along_and_across():
    table = field(CORD, Contact(0.5e-3, 0.3e-3), NEAR)
    there = table.at(np.array([0.37e-3]), np.array([0.21e-3]), 0.1e-3)
    assert table.at(np.array([-0.37e-3]), np.array([-0.21e-3]), 0.1e-3) == there


def test_a_large_contact_spreads_its_current():
    def peak(side: float) -> float:
        return float(field(CORD, Contact(side, side), NEAR).at(0.0, 0.0, 0.05e-3))

    assert peak(1e-6) > peak(0.3e-3) > peak(1e-3)


def test_the_dura_turns_current_into_the_fat_and_not_where_the_fat_insulates():
    tight = replace(CORD, dura=0.02)

    def under(medium: Medium) -> float:
        return float(field(medium, POINT, NEAR).at(0.0, 0.0, 0.1e-3))

    assert under(tight) < 0.9 * under(CORD)
    insulated, tight = replace(CORD, fat=1e-9), replace(tight, fat=1e-9)
    assert under(tight) == pytest.approx(under(insulated), rel=1e-3)


def test_thicker_fluid_flattens_the_potential_along_a_fibre():
    def bend(thickness: float) -> float:
        v = field(replace(CORD, csf_thickness=thickness), POINT, NEAR).at(
            np.array([-0.5e-3, 0.0, 0.5e-3]), 0.0, 0.1e-3
        )
        return float(2 * v[1] - v[0] - v[2])

    assert bend(0.2e-3) > 1.5 * bend(0.4e-3) > 2 * bend(0.8e-3) > 0


@pytest.mark.parametrize("name", list(configurations()))
def test_a_configuration_sends_its_whole_current_through_its_active_contacts(name):
    fractions = np.array(list(configuration(name).values()))
    assert fractions[fractions > 0].sum() == 1
    assert fractions.sum() in (0.0, 1.0)


def test_an_unknown_configuration_is_an_error_that_names_the_others():
    with pytest.raises(InputError, match='unknown contact configuration "bipole"; allowed: .*bipolar'):
        configuration("bipole")
