# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What a stimulator delivers
#
# A paradigm is turned into currents at the contacts, these into spikes of dorsal-column fibres, and these
# into the compound potential (ECAP) that a lead records. None of it needs the circuit.

# %%
# %matplotlib inline
import dhmodel as dh
from dhmodel.plots import stimulation_figure

dh.list_paradigms()

# %%
burst = dh.stimulate("burst", duration="0.2 s")
stimulation_figure(burst)

# %% [markdown]
# Every amplitude is there on four scales: as a current, and in multiples of the ECAP, perception and motor
# threshold. Set it on any of them.

# %%
stronger = dh.stimulate(
    "burst", set={"burst.amplitude": 0.8, "burst.amplitude_scale": "motor"}, duration="0.2 s"
)
stronger

# %% [markdown]
# A paradigm of one's own is a few lines. Its fields are parameters like all others.

# %%
theta = dh.Paradigm(
    "theta",
    [{"frequency": "5 Hz", "pulses_per_burst": 4, "burst_frequency": "100 Hz", "recharge": "active"}],
    about="bursts at theta rate",
)
stimulation_figure(dh.stimulate(theta, set={"theta.frequency": "6 Hz"}, duration="1 s"))

# %% [markdown]
# In closed loop the current of every pulse follows from the potentials before. The lead moves with posture,
# breath, heartbeat and coughs; an open loop runs beside it under the same movements.

# %%
loop = dh.stimulate("closed_loop", set={"anatomy.species": "human"}, duration="20 s")
stimulation_figure(loop)
