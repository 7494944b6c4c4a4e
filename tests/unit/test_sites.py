"""Where currents act on a fibre: node spacing, conduction velocity, gains."""

import numpy as np
import pytest

from dhmodel.errors import InputError
from dhmodel.parameters import resolve
from dhmodel.stimulation.sites import conduction_velocity, gains, node_gains, node_spacing

DIAMETERS = np.array([6e-6, 10e-6, 14e-6])
NODES = np.arange(-40, 41)


@pytest.fixture(scope="module")
def P():
    return resolve()


def point(P, height=1e-3, x=0.0):
    """Potential at the nodes in V/A below a point source in 0.3 S/m, shape (fibres, nodes, 1)."""
    along = NODES * node_spacing(P, DIAMETERS)[:, None] - x
    return (1 / (4 * np.pi * 0.3 * np.hypot(along, height)))[:, :, None]


def test_node_spacing_is_that_of_mrg_axons(P):
    table = {
        5.7e-6: 500e-6,
        7.3e-6: 750e-6,
        8.7e-6: 1000e-6,
        10e-6: 1150e-6,
        12.8e-6: 1350e-6,
        14e-6: 1400e-6,
    }
    spacing = node_spacing(P, np.array(list(table)))
    assert spacing == pytest.approx(list(table.values()), rel=0.05)


def test_node_spacing_has_no_step_and_grows(P):
    spacing = node_spacing(P, np.linspace(1e-6, 16e-6, 2000))
    assert (np.diff(spacing) > 0).all()
    assert np.diff(spacing).max() < 5e-6


def test_velocity_grows_with_the_diameter_and_stays_positive(P):
    velocity = conduction_velocity(P, np.linspace(0.5e-6, 16e-6, 50))
    assert (np.diff(velocity) > 0).all()
    assert velocity[0] > 0


def test_shape_and_sites(P):
    both = np.concatenate([point(P), point(P, x=5e-3)], axis=2)
    assert gains(P, DIAMETERS, both).shape == (3, 4, 3, 2)


def test_cathodic_current_excites_below_the_electrode_and_anodic_current_beside_it(P):
    potentials = point(P)
    everywhere = node_gains(P, DIAMETERS, potentials)
    chosen = gains(P, DIAMETERS, potentials)
    assert chosen[:, 0] == pytest.approx(everywhere[:, len(NODES) // 2 - 1])
    cathodic, anodic = -chosen[:, 0].sum(axis=(1, 2)), chosen[:, 1].sum(axis=(1, 2))
    assert (anodic > 0).all()
    assert (cathodic > 3 * anodic).all()


def test_large_and_near_fibres_are_driven_more(P):
    near, far = (-gains(P, DIAMETERS, point(P, height))[:, 0].sum(axis=(1, 2)) for height in (1e-3, 3e-3))
    assert (np.diff(near) > 0).all()
    assert (near > 4 * far).all()


def test_a_straight_potential_drives_nothing(P):
    straight = np.broadcast_to(5.0 + 2.0 * NODES[None, :, None], (3, NODES.size, 1))
    assert gains(P, DIAMETERS, straight) == pytest.approx(0, abs=1e-9)


def test_a_parabola_drives_every_component_with_its_curvature(P):
    """Far from the ends, smoothing leaves a constant second difference as it is."""
    nodes = np.arange(-200, 201)
    parabola = np.broadcast_to((nodes[None, :, None] ** 2).astype(float), (1, nodes.size, 1))
    middle = node_gains(P, np.array([10e-6]), parabola)[0, nodes.size // 2 - 1, :, 0]
    assert middle == pytest.approx([2 * P[f"axon.gain_{k}"] for k in (1, 2, 3)])


def test_without_spread_a_component_is_local(P):
    spike = np.zeros((1, 11, 1))
    spike[0, 5] = 1.0
    local = dict(P) | {f"axon.spread_{k}": 0.0 for k in (1, 2, 3)}
    drive = node_gains(local, np.array([10e-6]), spike)[0, :, 0, 0] / P["axon.gain_1"]
    assert drive == pytest.approx([0, 0, 0, 1, -2, 1, 0, 0, 0])


def test_channels_add_up(P):
    one, other = point(P), point(P, x=3e-3)
    both = node_gains(P, DIAMETERS, np.concatenate([one, other], axis=2))
    assert both.sum(axis=3) == pytest.approx(node_gains(P, DIAMETERS, one + other)[..., 0])


@pytest.mark.parametrize("shape", [(3, 2, 1), (2, 9, 1), (3, 9)])
def test_arrays_that_do_not_fit_are_refused(P, shape):
    with pytest.raises(InputError, match="potentials: got shape"):
        gains(P, DIAMETERS, np.zeros(shape))
