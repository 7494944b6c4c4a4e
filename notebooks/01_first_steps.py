# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # First steps
#
# `dhmodel` simulates the dorsal horn of the spinal cord as a circuit of spiking neurons. Primary afferents
# (Aβ, Aδ, peptidergic and non-peptidergic C fibres) and descending cells of the brainstem drive excitatory
# and inhibitory interneurons; two classes of projection neuron carry the output: wide-dynamic-range cells of
# the deep horn (`WDR`) and NK1-receptor cells of lamina I (`PN`).
#
# This notebook runs single simulations, looks at what comes back, and changes things one at a time. It uses
# a quarter of the cells. In-degrees and weights stay, so most rates stay too, with more scatter; for a
# conclusion use the full network (`circuit.scale` 1, the default). The first run compiles the circuit, which
# takes about half a minute; the binary is kept, and later runs take a second.

# %%
# %matplotlib inline
import json

import matplotlib.style
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import dhmodel as dh
from dhmodel.parameters.layout import HORN
from dhmodel.plots import STYLE, psth_figure, raster

small = {"circuit.scale": 0.25}

# %% [markdown]
# ## What there is
# A simulation is a stimulation paradigm, a state of the cord, a test stimulus, and perhaps drugs.

# %%
for listed in (dh.list_paradigms, dh.list_states, dh.list_stimuli, dh.list_drugs):
    print(listed.__name__)
    for name, about in listed().items():
        print(f"  {name:15} {about}")

# %% [markdown]
# ## One simulation
# Two seconds of pinch in the intact cord, without stimulation, three times. Each *replicate* has its own
# cells, wiring, noise and afferent spikes; together with `seed` its number decides all of them, so the same
# call gives the same spikes.

# %%
pinch = dh.simulate(stimulus="pinch", duration="2 s", replicates=3, seed=1, spikes=True, set=small)
pinch

# %% [markdown]
# The answer is an `xarray.Dataset`, in SI units. `rate` is the mean firing rate per neuron after the
# warm-up, `psth` its time course, `active` the fraction of cells that took part, `source_rate` what fibres
# and other spike sources fired. (Where a stimulus repeats there is `ds["count"]` too: write it with brackets,
# since `ds.count` is a method of xarray.)

# %%
pinch["rate"].sel(population=list(HORN)).to_pandas().round(1)

# %% [markdown]
# These are the populations of the dorsal horn. The others are a second segment (`WDR_REMOTE`, `PN_REMOTE`),
# the brainstem and motoneurons (`MN`):

# %%
pinch["rate"].drop_sel(population=list(HORN)).mean("replicate").to_series().round(1)

# %%
raster(pinch, HORN)

# %% [markdown]
# The attributes say where the numbers come from: versions, seed, time step, and the complete set of
# parameters.

# %%
{name: value for name, value in pinch.attrs.items() if name != "parameters"}

# %% [markdown]
# ## Change a parameter
# Every number of the model has a dotted path, a unit and a source.

# %%
print(dh.parameter("tonic.frequency"))
print(dh.parameter("synapse.gaba_a.decay"))

# %% [markdown]
# `set` takes values as text with a unit, and plain numbers where the parameter has none. Here tonic spinal
# cord stimulation (SCS) at 50 Hz is on from 2 s to 4 s of a pinch of 6 s.

# %%
run = {"stimulus": "pinch", "duration": "6 s", "replicates": 5, "seed": 1}
burst = {"tonic.frequency": "50 Hz", "tonic.delay": "2 s", "tonic.duration": "2 s"}
without = dh.simulate(**run, set=small)
stimulated = dh.simulate("tonic", **run, set=small | burst)

both = xr.concat([without, stimulated], "stimulation", combine_attrs="drop_conflicts")
both = both.assign_coords(stimulation=["no stimulation", "SCS, 50 Hz, from 2 to 4 s"])
psth_figure(both.coarsen(time=20, coord_func="min").mean())

# %% [markdown]
# While the stimulation is on, both classes fire less, and they are back within about half a second of its
# end: what is slower is in protocols (`dh.protocol`). Before 2 s the two runs are identical, because
# stimulation draws its random numbers apart from those of cells, wiring and pinch.
#
# A Dataset knows what was changed:

# %%
before, after = (json.loads(ds.attrs["parameters"]) for ds in (without, stimulated))
{path: (before[path], after[path]) for path in after if after[path] != before[path]}

# %% [markdown]
# ## Drugs
# A dose is the fraction of a mechanism that is blocked. Blocking GABA-A receptors frees the cells and the
# afferent terminals from one part of their inhibition.

# %%
for dose in (0, 0.5, 1):
    ds = dh.simulate(**run | {"duration": "2 s"}, drugs={"bicuculline": dose}, set=small)
    rate = ds["rate"].sel(population=["WDR", "PN"]).mean("replicate")
    print(f"bicuculline {dose:3}: WDR {rate[0]:.1f} Hz, PN {rate[1]:.1f} Hz")

# %% [markdown]
# ## Errors that help
# Nothing is guessed: a misspelt name, a wrong unit or a number without its unit stops at once, before
# anything runs.

# %%
mistakes = [
    {"stimulus": "pinsh"},
    {"set": {"tonic.frequncy": "50 Hz"}},
    {"set": {"tonic.frequency": 50}},
    {"set": {"tonic.frequency": "50 mV"}},
    {"drugs": {"bicuculline": 2}},
]
for mistake in mistakes:
    try:
        dh.simulate("tonic", **mistake)
    except dh.InputError as error:
        print(error)

# %% [markdown]
# ## What reaches the cord
# `dh.afferents` gives the spikes of the primary afferents alone, without simulating a cell. Left: the Aβ
# fibres while single pulses at 10 Hz travel down them. A pulse recruits the fibres whose threshold it
# exceeds; the rest is background. Right: what Aβ fibres fire against the pulse rate. At a high rate they no
# longer follow, so that faster pulses bring *fewer* spikes to the cord. This rule rests on little evidence
# (see `column.follow_half`), and the answer of the model to kilohertz stimulation rests on this rule.

# %%
slow = dh.afferents("tonic", set={"tonic.frequency": "10 Hz"}, duration="1 s").of("AB")
rates = np.array([1, 4, 10, 20, 50, 80, 100, 150, 200, 300, 500, 1000])
followed = {
    amplitude: [
        dh.afferents(
            "tonic",
            set={"tonic.frequency": f"{rate} Hz", "tonic.amplitude": amplitude},
            warmup="0 s",
            duration="5 s",
        ).rate(5.0, start=3.0)["AB"]
        for rate in rates
    ]
    for amplitude in (1.5, 2)
}
with matplotlib.style.context(STYLE):
    figure = Figure(figsize=(7, 2.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(slow.times, slow.fibres, "|", markersize=2, markeredgewidth=0.5)
    left.set(xlabel="Time (s)", ylabel="Aβ fibre", xlim=(0, 1))
    for amplitude, found in followed.items():
        right.plot(rates, found, label=f"{amplitude} × ECAP threshold")
    right.set(xscale="log", xlabel="Pulse rate (Hz)", ylabel="Rate of an Aβ fibre (Hz)", ylim=(0, None))
    right.legend()
figure

# %%
print(dh.parameter("column.follow_half"))
