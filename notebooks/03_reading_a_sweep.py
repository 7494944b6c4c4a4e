# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Reading a sweep
#
# A sweep simulates every combination of the values of some axes, into a store that can be resumed and that
# opens with plain xarray. This one is a small sister of the main job (`dhmodel sweep scs_frequency`): tonic
# SCS at a few pulse rates, two states of the cord, two test stimuli, three replicates, a quarter of the
# cells.
#
# Everything below works alike on the store of the main job, once it exists: `ds =
# xarray.open_zarr("results/scs_frequency.zarr")`.

# %%
# %matplotlib inline
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import xarray as xr

import dhmodel as dh
from dhmodel.measures import percent_of_baseline, spread, total_count, windup_ratio
from dhmodel.plots import frequency_figure, windup_figure
from dhmodel.sweep.files import Report
from dhmodel.sweep.report import report_table

folder = TemporaryDirectory()
store = Path(folder.name) / "frequency.zarr"

# %% [markdown]
# ## Run
# The wind-up train (C-strength shocks to the paw, 1 Hz) starts one second after the stimulation. Both start
# at time zero unless told otherwise, and the first response of the train would then be mixed with the onset
# of the stimulation.

# %%
axes = {
    "tonic.frequency": ["0 Hz", "10 Hz", "50 Hz", "150 Hz", "1 kHz"],
    "state": ["naive", "snl"],
    "stimulus": ["pinch", "windup"],
}
common = {
    "paradigm": "tonic",
    "set": {"circuit.scale": 0.25, "windup.number": 8, "windup.delay": "1 s"},
    "replicates": 3,
    "seed": 1,
    "progress": False,  # the default is a bar, which says little in a notebook
}
start = perf_counter()
ds = dh.sweep(axes, store=store, **common)
print(f"{ds['status'].size} runs in {perf_counter() - start:.0f} s")

# %% [markdown]
# The same call again finds everything done. It would also pick up an interrupted sweep where it stopped, and
# try failed runs again. (`workers=2` runs two processes; the numbers do not depend on it.)

# %%
start = perf_counter()
ds = dh.sweep(axes, store=store, **common)
print(f"{perf_counter() - start:.1f} s")

# %% [markdown]
# A store belongs to one sweep. Another one is refused, and the difference named:

# %%
try:
    dh.sweep(axes | {"state": ["naive"]}, store=store, **common)
except dh.StoreError as error:
    print(error)

# %% [markdown]
# ## Select
# Dimensions are the swept axes in their order, then `replicate`, then those of a single simulation. Values
# are in SI units; an axis that is a parameter is called by its path.

# %%
ds

# %%
chosen = ds.sel({"tonic.frequency": 50, "state": "snl", "stimulus": "pinch"})
chosen["rate"].sel(population=["WDR", "PN"]).to_pandas().round(1)

# %% [markdown]
# `parameters_changed` holds the resolved parameters in which a point differs from those in
# `ds.attrs["parameters"]`.

# %%
chosen["parameters_changed"].item()

# %% [markdown]
# ## Percent of no stimulation
# Each replicate is compared with its own run at 0 Hz, which shares its cells, wiring and natural input: what
# differs between replicates anyway cancels. Where a baseline is silent a percentage is missing, not
# infinite.

# %%
pinch = ds.sel(stimulus="pinch")
percent = percent_of_baseline(pinch, dim="tonic.frequency", value=0)
percent["mean"].sel(population=["WDR", "PN"]).to_series().unstack("tonic.frequency").round(0)

# %% [markdown]
# The same as text, as the command line prints it, and as a figure.

# %%
print(report_table(ds, Report(("WDR", "PN"), "tonic.frequency", "0 Hz")))

# %%
frequency_figure(ds)

# %% [markdown]
# Firing is least at intermediate pulse rates and comes back in part at 1 kHz, where Aβ fibres no longer
# follow the pulses (see the first notebook). In the full network 50 Hz leaves about half of what WDR fire
# under pinch in the intact cord, and about two thirds after injury.
#
# ## Wind-up
# `count` holds spikes per neuron after each shock, by latency window: `Abeta`, `Adelta`, `C`, and `post` for
# what comes after. In a sweep, points without shocks (here: pinch) are missing.

# %%
train = ds.sel(stimulus="windup")
windup_figure(train.sel({"tonic.frequency": [0, 50, 1000]}).sel(state="snl"))

# %% [markdown]
# Two statements about the same train: how much the response *grows* (last three responses to the first), and
# how large it is *in total*. SCS at 50 Hz takes spikes away; whether it takes growth away is another
# question, and a ratio answers it badly where the first response is small.

# %%
grown = windup_ratio(train, population="WDR", window="C")
spread(grown[["first", "last", "ratio"]]).sel(statistic="mean", state="snl").to_pandas().round(2)

# %%
total = total_count(train, window="C")["total"].sel(population="WDR")
(total / total.sel({"tonic.frequency": 0})).mean("replicate").to_pandas().round(2)

# %% [markdown]
# ## Export
# One NetCDF file, for whoever uses something else; it opens without `dhmodel`.

# %%
file = Path(folder.name) / "frequency.nc"
ds.to_netcdf(file, engine="h5netcdf")
with xr.open_dataset(file, engine="h5netcdf") as again:
    print(f"{file.stat().st_size / 1e6:.1f} MB; the same rates: {again['rate'].equals(ds['rate'])}")

# %%
folder.cleanup()
