# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The gate in healthy and injured cord
#
# Touch does not hurt, although Aβ fibres of touch end in the dorsal horn beside the cells that signal pain.
# In the intact cord inhibition closes the way from Aβ fibres to lamina I projection cells (`PN`); where
# inhibition fails, touch gets through (allodynia). This notebook brushes the skin of the model in the intact
# cord, after nerve injury and under drugs, and asks what spinal cord stimulation (SCS) and the brainstem do.
# It uses the full network, but few replicates of two strokes each: enough to see the sign of an effect, not
# to measure it. Conditions share cells, wiring and afferent spikes, so that what differs between two of them
# is the condition.

# %%
# %matplotlib inline
import xarray as xr

import dhmodel as dh
from dhmodel.parameters import states
from dhmodel.plots import psth_figure, rate_figure
from dhmodel.sweep.report import rate_table

run = {"duration": "2 s", "replicates": 3, "seed": 1}


def compare(dimension, conditions, **common):
    """One simulation for each named condition, side by side along a new dimension."""
    found = [dh.simulate(**run | common | condition) for condition in conditions.values()]
    joined = xr.concat(found, dimension, combine_attrs="drop_conflicts")
    return joined.assign_coords({dimension: list(conditions)})


def table(ds, dimension):
    """Mean rate over replicates, in Hz."""
    rate = ds["rate"].sel(population=["WDR", "PN"]).mean("replicate")
    return rate.transpose(dimension, "population").to_pandas().round(2)


# %% [markdown]
# ## Brush
# Bicuculline blocks GABA-A receptors, strychnine glycine receptors, AP5 NMDA receptors; `snl` is the cord
# after ligation of a spinal nerve.

# %%
gaba, glycine, nmda = {"bicuculline": 1}, {"strychnine": 1}, {"ap5": 1}
brush = compare(
    "condition",
    {
        "intact": {},
        "SNL": {"state": "snl"},
        "bicuculline": {"drugs": gaba},
        "strychnine": {"drugs": glycine},
        "both": {"drugs": gaba | glycine},
        "both + AP5": {"drugs": gaba | glycine | nmda},
    },
    stimulus="brush",
)
table(brush, "condition")

# %%
rate_figure(brush, ("WDR", "PN"), dim="condition")

# %% [markdown]
# - **Intact: the gate is shut** for most PN; a part answers touch, more than in rats (Keller et al. 2007:
#   21 % of lamina I cells). With GABA-A and glycine receptors blocked PN answer brush, and blocking NMDA
#   receptors as well silences them again: what Torsney and MacDermott (2006) found in slices of rat cord.
# - **One block opens it in part**, as strychnine does in slices (Lu et al. 2013) and bicuculline in rats
#   (Malan et al. 2002).
# - **Nerve injury opens it as well**: PN answer touch that they did not answer before.
# - **WDR answer brush weakly.** Real wide-dynamic-range cells fire at tens of hertz when brushed; those of
#   the model at a few hertz in the intact cord.
#
# Below, the time course with both receptors blocked: the brush strokes once a second.

# %%
shown = brush.sel(condition=["intact", "both"])
psth_figure(shown.coarsen(time=5, coord_func="min").mean())

# %% [markdown]
# What the populations do in the intact cord: brush drives inhibitory cells, above all the parvalbumin cells
# (`GABA_PV`), and hardly any excitatory cell. ON and OFF cells of the brainstem silence each other: which of
# them leads differs between replicates, and with it what reaches the horn.

# %%
print(rate_table(brush.sel(condition="intact")))

# %% [markdown]
# ## The injury, one knob at a time
# `snl` is a preset of independent parameters. Here each is turned alone to its value in `snl` (the two
# ectopic ones need a fraction of fibres and a rate), then all of them, then all but the ectopic C fibres.

# %%
preset = states()["snl"].set
knobs = {
    "GABA-A": ["injury.gaba_a"],
    "presynaptic": ["injury.pad"],
    "chloride": ["injury.kcc2"],
    "EX to inhibitory": ["injury.ex_to_inh"],
    "cut fibres": ["injury.severed"],
    "ectopic C": ["injury.ectopic_c_fraction", "injury.ectopic_c_rate"],
    "ectopic Aβ": ["injury.ectopic_ab_fraction", "injury.ectopic_ab_rate"],
}
conditions = {"none": {}}
for name, paths in knobs.items():
    conditions[name] = {"set": {path: preset[path] for path in paths}}
conditions["SNL"] = {"state": "snl"}
conditions["SNL, C quiet"] = {"state": "snl", "set": {"injury.ectopic_c_fraction": 0}}
stimuli = ["brush", "pinch"]
injury = xr.concat(
    [compare("injury", conditions, stimulus=stimulus, replicates=2) for stimulus in stimuli],
    "stimulus",
    combine_attrs="drop_conflicts",
).assign_coords(stimulus=stimuli)
rate_figure(injury, ("WDR", "PN"), dim="injury")

# %%
table(injury.sel(stimulus="brush"), "injury")

# %% [markdown]
# For comparison, what WDR and PN fire without any stimulus:

# %%
quiet = {name: conditions[name] for name in ("ectopic C", "SNL")}
table(compare("injury", quiet, stimulus="spontaneous", replicates=2), "injury")

# %% [markdown]
# - Of the single knobs, loss of GABA-A inhibition, the shift of chloride and discharge of injured C fibres
#   open the gate most. The latter needs a brush to reach PN: without one they are silent, as the last table
#   shows.
# - Fibres that are cut carry neither brush nor pinch. The preset has that loss too, and so does less than
#   some of its knobs alone.
# - **With the C fibres quiet little is left of the allodynia**: inhibition that is weaker makes up for the
#   touch that is lost with the cut fibres, and the fibres that discharge make the difference.

# %% [markdown]
# ## Stimulation and the brainstem
# SCS at 50 Hz runs through the test, in both states, against brush and pinch.

# %%
scs = dh.sweep(
    {"tonic.frequency": ["0 Hz", "50 Hz"], "state": ["naive", "snl"], "stimulus": ["brush", "pinch"]},
    paradigm="tonic",
    progress=False,
    **run,
)
scs["rate"].sel(population=["WDR", "PN"]).mean("replicate").to_series().unstack("tonic.frequency").round(2)

# %% [markdown]
# `pag.drive`, from 0 to 1, is the drive of the periaqueductal grey by the forebrain (rest: 0.4). It raises
# the rates of the RVM's OFF cells and of pontine noradrenergic cells, and lowers that of the ON cells.

# %%
pag = dh.sweep({"pag.drive": [0, 0.4, 1], "state": ["naive", "snl"]}, stimulus="pinch", progress=False, **run)
rate_figure(pag, ("WDR", "PN"), dim="pag.drive")

# %% [markdown]
# - SCS at 50 Hz lowers the response to pinch in both states, in the full network that of WDR by a third to a
#   half, that of PN by a third.
# - It closes the gate to touch again: after injury PN hardly fire under brush, while most of their answer to
#   pinch stays. That SCS takes allodynia and leaves acute pain is what Lindblom and Meyerson (1975) saw.
# - More drive of the PAG, less output under pinch, in both states and both classes.
#
# ## What the model does not show
# - Touch reaches more PN of the intact cord than in rats (Keller et al. 2007: 21 %; in cords of the ledger
#   31 %). `dhmodel validate` has this and all other findings.
# - Nothing here outlasts its cause: these are single runs of seconds. Slow modulators, after-effects and
#   plasticity come with protocols (`dhmodel list protocols`).
# - The response of WDR to brush grows with the size of the network (compare `circuit.scale` 0.25): perhaps
#   because few fibres make few coincidences. Read it from the full network.
