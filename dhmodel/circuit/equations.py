"""The equations of the circuit, without numbers.

Every symbol that is not a state variable is a parameter: one value per cell, or ``(shared)`` where the whole
network has one. Values, units and sources live in ``dhmodel/parameters``. Only Brian2 syntax and physical
dimensions stand here.

Currents in the membrane equation that are strongly non-linear in ``v`` are sub-expressions. The integrator
(`dhmodel.engine.integrator`) holds them at their value at the start of the step and solves the rest, which is
linear in each variable, exactly to third order.

Some parameters are reciprocals (``elastance`` is 1/capacitance, ``*_rate`` is 1/time constant) and ``step``
repeats the clock's ``dt`` in the cells' own precision: divisions and changes of precision cost more than
anything else in the innermost loop.
"""

#: Adaptive exponential integrate-and-fire cell with conductance synapses (Brette and Gerstner 2005).
#: ``g_mod`` is the outward potassium conductance opened by descending serotonin (5-HT1A) and noradrenaline
#: (alpha2); ``tonic_k`` and ``tonic_chloride`` are those that receptors hold open throughout a run.
#: ``i_intrinsic`` is filled by the A current of delayed and gap cells and the CAN current of WDR cells, which
#: only those cells compute; ``g_slow_k`` and ``g_nk1`` are advanced by `SLOW` on a coarser clock, for their
#: time constants are hundreds of steps long. ``resource`` is the fraction of vesicles that the cell's own
#: boutons have left (Tsodyks and Markram 1997), ``release`` what the last spike sent of them.
CELL = """
dv/dt = active*(leak*(rest - v) + i_spike + (g_ampa + g_nk1 + unblocked*g_nmda)*(e_excitatory - v)
        + (g_gaba_a + g_glycine + tonic_chloride)*(e_chloride - v) + g_slow_k*(e_potassium - v)
        + i_intrinsic + i_drive - w)*elastance : volt
dw/dt = adaptation_rate*(adaptation_a*(v - rest) - w) : amp
drefractory_left/dt = -1 : second

i_spike = leak*slope*exp(clip((v - threshold)/slope, -30, 30)) : amp
unblocked = 1/(1 + mg_ratio*exp(-v/mg_slope)) : 1
active = clip(1 - refractory_left/step, 0, 1) : 1

dg_ampa/dt = -g_ampa/ampa_decay : siemens
dx_nmda/dt = -x_nmda/nmda_rise : siemens
dg_nmda/dt = (nmda_gain*x_nmda - g_nmda)/nmda_decay : siemens
dg_gaba_a/dt = -g_gaba_a/gaba_a_decay : siemens
dg_glycine/dt = -glycine_rate*g_glycine : siemens

x_nk1 : siemens
g_nk1 : siemens
x_gaba_b : siemens
g_gaba_b : siemens
g_mod : siemens
g_slow_k : siemens
i_intrinsic : amp
i_noise : amp
i_drive : amp
calcium : 1
can_gate : 1
a_activation : 1
a_inactivation : 1
resource : 1
release : 1
t_last : second

elastance : 1/farad (constant)
leak : siemens (constant)
rest : volt (constant)
threshold : volt (constant)
reset : volt (constant)
adaptation_a : siemens (constant)
adaptation_b : amp (constant)
adaptation_rate : Hz (constant)
bias : amp (constant)
noise_sd : amp (constant)
e_chloride : volt (constant)
tonic_k : siemens (constant)
tonic_chloride : siemens (constant)
nk1_rise_keep : 1 (constant)
nk1_gain : 1 (constant)
glycine_rate : Hz (constant)
g_can : siemens (constant)
calcium_per_spike : 1 (constant)
g_a : siemens (constant)
a_opening : 1 (constant)
a_closing : 1 (constant)
depletion : 1 (constant)
recovery : second (constant)

step : second (constant, shared)
slope : volt (constant, shared)
e_excitatory : volt (constant, shared)
e_potassium : volt (constant, shared)
e_can : volt (constant, shared)
mg_ratio : 1 (constant, shared)
mg_slope : volt (constant, shared)
ampa_decay : second (constant, shared)
nmda_rise : second (constant, shared)
nmda_decay : second (constant, shared)
nmda_gain : 1 (constant, shared)
nk1_keep : 1 (constant, shared)
gaba_a_decay : second (constant, shared)
gaba_b_rise_keep : 1 (constant, shared)
gaba_b_keep : 1 (constant, shared)
gaba_b_gain : 1 (constant, shared)
gaba_b_half : siemens (constant, shared)
mod_keep : 1 (constant, shared)
refractory_period : second (constant, shared)
spike_level : volt (constant, shared)
noise_keep : 1 (constant, shared)
noise_fresh : 1 (constant, shared)
calcium_decay : second (constant, shared)
calcium_per_charge : 1/coulomb (constant, shared)
can_decay : second (constant, shared)
a_activation_half : volt (constant, shared)
a_activation_slope : volt (constant, shared)
a_inactivation_half : volt (constant, shared)
a_inactivation_slope : volt (constant, shared)
"""

CELL_SPIKES = "v > spike_level"

#: ``release`` is computed and ``resource`` follows from it: were it a copy of ``resource``, numpy would take
#: both for one array.
CELL_RESET = """
v = reset
w += adaptation_b
calcium += calcium_per_spike
refractory_left = refractory_period
release = 1 - (1 - resource)*exp(-(t - t_last)/recovery)
resource = release*(1 - depletion)
t_last = t
"""

#: What changes slowly, once per slow step: NK1, GABA-B and modulatory conductances (``*_keep`` is the
#: fraction left after one slow step, so each decay is exact), and an Ornstein-Uhlenbeck current from standard
#: normal numbers drawn outside. ``g_gaba_b`` is the conductance that GABA-B receptors would open if each
#: acted alone; channels need several G proteins at once (Destexhe and Sejnowski 1995), so that little of it
#: opens far below ``gaba_b_half`` and all of it far above.
SLOW = """
g_nk1 = nk1_keep*g_nk1 + nk1_gain*x_nk1
x_nk1 *= nk1_rise_keep
g_gaba_b = gaba_b_keep*g_gaba_b + gaba_b_gain*x_gaba_b
x_gaba_b *= gaba_b_rise_keep
g_mod *= mod_keep
g_slow_k = g_gaba_b*g_gaba_b/(g_gaba_b + gaba_b_half) + g_mod + tonic_k
i_noise = noise_keep*i_noise + noise_fresh*noise_sd*white_noise(i, t)
i_drive = bias + i_noise
"""

#: Calcium enters with every spike and through NMDA receptors and opens the CAN current of WDR cells (Aguiar
#: et al. 2010: calcium in units of its half-activation, gate with calcium-dependent speed).
CALCIUM_AND_CAN = """
i_nmda = unblocked*g_nmda*(e_excitatory - v)
calcium += step*(calcium_per_charge*i_nmda - calcium/calcium_decay)
can_gate += step*(calcium*calcium - can_gate*(1 + calcium*calcium))/can_decay
i_intrinsic = g_can*can_gate*can_gate*(e_can - v)
"""

#: A-type potassium current of delayed-firing and gap-firing cells (Ruscheweyh and Sandkuehler 2002).
#: ``a_opening`` and ``a_closing`` are the shares of the way that its gates go in one step.
A_CURRENT = """
a_activation_end = 1/(1 + exp(-(v - a_activation_half)/a_activation_slope))
a_inactivation_end = 1/(1 + exp((v - a_inactivation_half)/a_inactivation_slope))
a_activation += a_opening*(a_activation_end - a_activation)
a_inactivation += a_closing*(a_inactivation_end - a_inactivation)
i_intrinsic = g_a*a_activation*a_inactivation*(e_potassium - v)
"""

#: Central terminal of an afferent fibre, and sources outside of the segment, which need only spike times.
#: ``resource`` is the fraction of vesicles left (Tsodyks and Markram 1997); the other states are the drive of
#: presynaptic receptors.
TERMINAL = """
pad : 1
pad_slow : 1
gaba_b : 1
opioid : 1
alpha2 : 1
ht3 : 1
t_next : second
k : integer
resource : 1
gain : 1
release : 1
t_last : second

depletion : 1 (constant)
recovery : second (constant)
baseline : 1 (constant)
pad_gain : 1 (constant)
gaba_b_gain : 1 (constant)
opioid_gain : 1 (constant)
alpha2_gain : 1 (constant)
ht3_gain : 1 (constant)
pad_keep : 1 (constant, shared)
pad_slow_keep : 1 (constant, shared)
gaba_b_keep : 1 (constant, shared)
mod_keep : 1 (constant, shared)
"""

#: Decay of the presynaptic receptors' drive, once per slow step.
TERMINAL_SLOW = """
pad *= pad_keep
pad_slow *= pad_slow_keep
gaba_b *= gaba_b_keep
opioid *= mod_keep
alpha2 *= mod_keep
ht3 *= mod_keep
"""

TERMINAL_SPIKES = "t >= t_next"

#: What presynaptic receptors leave of the release, or add to it.
GAIN = (
    "clip(baseline*(1 - clip(pad_gain*(pad + pad_slow), 0, 1))*(1 - clip(gaba_b_gain*gaba_b, 0, 1))"
    "*(1 - clip(opioid_gain*opioid, 0, 1))*(1 - clip(alpha2_gain*alpha2, 0, 1))*(1 + ht3_gain*ht3), 0, 1.5)"
)

TERMINAL_RESET = f"""
gain = {GAIN}
resource = 1 - (1 - resource)*exp(-(t - t_last)/recovery)
release = gain*resource
resource *= 1 - depletion*clip(gain, 0, 1)
t_last = t
k += 1
t_next = next_spike(i, k)
"""

#: Synapses: weights per synapse, and what one presynaptic spike does. ``steady`` is the share of the release
#: that does not depress.
FROM_SOURCES = (
    "ampa : siemens\nnmda : siemens\nnk1 : siemens\nsteady : 1",
    "sent = release_pre + steady*(gain_pre - release_pre)\n"
    "g_ampa_post += sent*ampa\nx_nmda_post += sent*nmda\nx_nk1_post += sent*nk1",
)
EXCITATION = ("ampa : siemens\nnmda : siemens", "g_ampa_post += ampa\nx_nmda_post += nmda")
INHIBITION = (
    "gaba_a : siemens\nglycine : siemens\ngaba_b : siemens",
    "g_gaba_a_post += release_pre*gaba_a\ng_glycine_post += release_pre*glycine\n"
    "x_gaba_b_post += release_pre*gaba_b",
)
PRESYNAPTIC = (
    "jump : 1\nslow_jump : 1\ngaba_b_jump : 1",
    "pad_post += release_pre*jump\npad_slow_post += release_pre*slow_jump\n"
    "gaba_b_post += release_pre*gaba_b_jump",
)
SUPRASPINAL = (
    "ampa : siemens\nnmda : siemens\nnk1 : siemens\ngaba_a : siemens\nmod : siemens",
    "g_ampa_post += ampa\nx_nmda_post += nmda\nx_nk1_post += nk1\ng_gaba_a_post += gaba_a\ng_mod_post += mod",
)
DESCENDING = (
    "opioid_jump : 1\nalpha2_jump : 1\nht3_jump : 1",
    "opioid_post += opioid_jump\nalpha2_post += alpha2_jump\nht3_post += ht3_jump",
)
