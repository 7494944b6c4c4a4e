"""The potential of one fibre against MRG axons (experiments/fibre_reference.nc)."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dhmodel.parameters import resolve
from dhmodel.stimulation.recorder import recorder

FILE = Path(__file__).parents[2] / "experiments" / "fibre_reference.nc"
BEFORE, AFTER = 0.4e-3, 0.8e-3  # s around N1


@pytest.fixture(scope="module")
def axons():
    with xr.open_dataset(FILE, engine="h5netcdf") as data:
        return data.load()


def cases(axons):
    """Model and axon around N1, for every fibre and contact."""
    sigma = axons.attrs["conductivity_S_per_m"]
    P = resolve(set={"ecap.conductivity": f"{sigma} S/m"})
    time = axons.time.values
    for fibre in range(axons.sizes["fibre"]):
        one = axons.isel(fibre=fibre)
        for contact in range(axons.sizes["contact"]):
            at = one.isel(contact=contact)
            measured = at.action_potential.values.astype(float)
            diameter, velocity, reach = (float(at[n]) for n in ("fibre", "velocity", "contact_distance"))
            model = recorder(P, "rat", *(np.array([x]) for x in (diameter, velocity, reach)), np.ones(1))
            # the artefact of the stimulus is over before; the peaks are laid upon each other
            late = time > 0.2e-3
            n1 = time[late][measured[late].argmin()]
            fine = np.linspace(-0.1e-3, 0.1e-3, 401)
            shift = fine[model.source.potential(fine, model.passing).argmin()]
            near = late & (time > n1 - BEFORE) & (time < n1 + AFTER)
            wave = model.weight[0, 0] * model.source.potential(time[near] - n1 + shift, model.passing)
            yield measured[near], wave


def test_shape_is_that_of_mrg_axons(axons):
    for measured, model in cases(axons):
        assert np.corrcoef(measured, model)[0, 1] > 0.95


def test_depth_of_n1_is_that_of_mrg_axons(axons):
    ratio = np.array([model.min() / measured.min() for measured, model in cases(axons)])
    assert np.abs(np.log(ratio)).max() < np.log(1.25)
    assert np.exp(np.log(ratio).mean()) == pytest.approx(1.0, abs=0.15)


def test_latency_is_distance_over_velocity(axons):
    late = axons.time > 0.2e-3
    n1 = axons.time.values[late][axons.action_potential.values[..., late].argmin(axis=-1)]
    apart = np.ptp(axons.contact_along.values)
    first, last = (
        n1[:, axons.contact_along.values == x].mean(axis=1) for x in np.unique(axons.contact_along)
    )
    assert apart / (last - first) == pytest.approx(axons.velocity.values, rel=0.1)
