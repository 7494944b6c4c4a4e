// The state equations of the circuit as one would write them by hand: the floor against which the engine is measured.
//
// What circuit/equations.py says of the cells (CELL, SLOW, A_CURRENT, CALCIUM_AND_CAN, threshold and reset), with the engine's integrator and
// order of events: structure of arrays, loops that the compiler vectorises, everything constant hoisted out of them. There are no synapses:
// no conductance grows, at the full cost of its equation, and cells fire as far as `bias` and noise make them.
//
//   bench_loop FOLDER WDR_START WDR_STOP [A_START A_STOP]...
//
// A_START and A_STOP are the ranges of cells with an A current.
//
// FOLDER holds every array cells.<name> of a run as a file <name> of float64; a state without one starts at zero. DHMODEL_FEED names the feed
// (feed.h), which gives noise and the time to stop. Prints the number of steps, the number of spikes, and a sum over states, so that nothing of it can be left out.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "feed.h"

#ifndef REAL
#define REAL float
#endif

namespace {

using real = REAL;

std::vector<double> load(const std::string &path) {
    std::FILE *file = std::fopen(path.c_str(), "rb");
    if (!file) dhmodel::Feed::fail(path.c_str());
    std::vector<double> values;
    for (double x; std::fread(&x, sizeof x, 1, file) == 1;) values.push_back(x);
    std::fclose(file);
    return values;
}

// (exp(z) - 1)/z cut after z^2/6, as in engine/integrator.py.
real phi(real z) { return 1 + z * (real(0.5) + z * real(1.0 / 6)); }
real clip(real x, real low, real high) { return std::min(std::max(x, low), high); }
real sigmoid(real x) { return 1 / (1 + std::exp(-x)); }

// One value per cell; names as in equations.py.
struct Cells {
    real *v, *w, *refractory_left, *g_ampa, *x_nmda, *g_nmda, *g_gaba_a, *g_glycine, *x_nk1, *g_nk1, *x_gaba_b, *g_gaba_b, *g_mod, *g_slow_k,
        *i_intrinsic, *i_noise, *i_drive, *calcium, *can_gate, *a_activation, *a_inactivation;
    real *elastance, *leak, *rest, *threshold, *reset, *adaptation_a, *adaptation_b, *bias, *noise_sd, *e_chloride, *nk1_rise_keep, *nk1_gain,
        *g_can, *calcium_per_spike, *g_a, *a_opening, *a_closing, *tonic_k, *tonic_chloride;
    real *w_gain, *glycine_keep;  // what one step does to w and g_glycine
};

// One value for all cells.
struct Shared {
    real step, slope, e_excitatory, e_potassium, e_can, mg_ratio, mg_slope, nk1_keep, gaba_b_rise_keep, gaba_b_keep, gaba_b_gain, gaba_b_half, mod_keep,
        refractory_period, spike_level, noise_keep, noise_fresh, calcium_decay, calcium_per_charge, can_decay, a_activation_half,
        a_activation_slope, a_inactivation_half, a_inactivation_slope;
    real ampa_keep, gaba_a_keep, nmda_rise_keep, nmda_keep, nmda_fresh;  // what one step does to a conductance
};

Cells cells_from(const std::string &folder, size_t n) {
    const auto array = [&](const char *name) {
        const std::vector<double> values = load(folder + "/" + name);
        if (values.size() != n) dhmodel::Feed::fail(name);
        return std::copy(values.begin(), values.end(), new real[n]) - n;
    };
    const auto state = [&](const char *name) { return std::filesystem::exists(folder + "/" + name) ? array(name) : new real[n](); };
    Cells c;
#define START(name) c.name = state(#name)
    START(w); START(refractory_left); START(g_ampa); START(x_nmda); START(g_nmda); START(g_gaba_a); START(g_glycine); START(x_nk1);
    START(g_nk1); START(x_gaba_b); START(g_gaba_b); START(g_mod); START(g_slow_k); START(i_intrinsic); START(i_noise); START(i_drive);
    START(calcium); START(can_gate);
#undef START
#define READ(name) c.name = array(#name)
    READ(v); READ(a_activation); READ(a_inactivation); READ(elastance); READ(leak); READ(rest); READ(threshold); READ(reset); READ(adaptation_a);
    READ(adaptation_b); READ(bias); READ(noise_sd); READ(e_chloride); READ(nk1_rise_keep); READ(nk1_gain); READ(g_can);
    READ(calcium_per_spike); READ(g_a);
    READ(a_opening); READ(a_closing); READ(tonic_k); READ(tonic_chloride);
#undef READ
    c.w_gain = array("adaptation_rate");
    c.glycine_keep = array("glycine_rate");
    const real step = load(folder + "/step").at(0);
    for (size_t i = 0; i < n; i++) {
        c.w_gain[i] *= step * phi(-step * c.w_gain[i]);
        c.glycine_keep[i] = 1 - step * c.glycine_keep[i] * phi(-step * c.glycine_keep[i]);
    }
    return c;
}

Shared shared_from(const std::string &folder) {
    const auto read = [&](const char *name) { return real(load(folder + "/" + name).at(0)); };
    Shared s;
#define READ(name) s.name = read(#name)
    READ(step); READ(slope); READ(e_excitatory); READ(e_potassium); READ(e_can); READ(mg_ratio); READ(mg_slope); READ(nk1_keep);
    READ(gaba_b_rise_keep); READ(gaba_b_keep); READ(gaba_b_gain); READ(gaba_b_half); READ(mod_keep); READ(refractory_period); READ(spike_level);
    READ(noise_keep); READ(noise_fresh); READ(calcium_decay); READ(calcium_per_charge); READ(can_decay); READ(a_activation_half);
    READ(a_activation_slope); READ(a_inactivation_half); READ(a_inactivation_slope);
#undef READ
    const auto gain = [&](const char *decay) { return s.step / read(decay) * phi(-s.step / read(decay)); };
    s.ampa_keep = 1 - gain("ampa_decay");
    s.gaba_a_keep = 1 - gain("gaba_a_decay");
    s.nmda_rise_keep = 1 - gain("nmda_rise");
    s.nmda_keep = 1 - gain("nmda_decay");
    s.nmda_fresh = gain("nmda_decay") * read("nmda_gain");
    return s;
}

void a_current(const Cells c, const Shared s, int start, int stop) {
    const real activation = 1 / s.a_activation_slope, inactivation = -1 / s.a_inactivation_slope;
#pragma omp simd
    for (int i = start; i < stop; i++) {
        const real v = c.v[i], end = sigmoid((v - s.a_inactivation_half) * inactivation);
        c.a_activation[i] += c.a_opening[i] * (sigmoid((v - s.a_activation_half) * activation) - c.a_activation[i]);
        c.a_inactivation[i] += c.a_closing[i] * (end - c.a_inactivation[i]);
        c.i_intrinsic[i] = c.g_a[i] * c.a_activation[i] * c.a_inactivation[i] * (s.e_potassium - v);
    }
}

void calcium_and_can(const Cells c, const Shared s, int start, int stop) {
    const real per_mg_slope = -1 / s.mg_slope, loss = 1 / s.calcium_decay, speed = s.step / s.can_decay;
#pragma omp simd
    for (int i = start; i < stop; i++) {
        const real v = c.v[i], i_nmda = c.g_nmda[i] * (s.e_excitatory - v) / (1 + s.mg_ratio * std::exp(v * per_mg_slope));
        const real calcium = c.calcium[i] + s.step * (s.calcium_per_charge * i_nmda - c.calcium[i] * loss);
        const real gate = c.can_gate[i] + speed * (calcium * calcium - c.can_gate[i] * (1 + calcium * calcium));
        c.calcium[i] = calcium;
        c.can_gate[i] = gate;
        c.i_intrinsic[i] = c.g_can[i] * gate * gate * (s.e_can - v);
    }
}

void slow(const Cells c, const Shared s, int n, const float *noise) {
#pragma omp simd
    for (int i = 0; i < n; i++) {
        c.g_nk1[i] = s.nk1_keep * c.g_nk1[i] + c.nk1_gain[i] * c.x_nk1[i];
        c.x_nk1[i] *= c.nk1_rise_keep[i];
        c.g_gaba_b[i] = s.gaba_b_keep * c.g_gaba_b[i] + s.gaba_b_gain * c.x_gaba_b[i];
        c.x_gaba_b[i] *= s.gaba_b_rise_keep;
        c.g_mod[i] *= s.mod_keep;
        c.g_slow_k[i] = c.g_gaba_b[i] * c.g_gaba_b[i] / (c.g_gaba_b[i] + s.gaba_b_half) + c.g_mod[i] + c.tonic_k[i];
        c.i_noise[i] = s.noise_keep * c.i_noise[i] + s.noise_fresh * c.noise_sd[i] * real(noise[i]);
        c.i_drive[i] = c.bias[i] + c.i_noise[i];
    }
}

void advance(const Cells c, const Shared s, int n) {
    const real per_step = 1 / s.step, per_slope = 1 / s.slope, per_mg_slope = -1 / s.mg_slope;
#pragma omp simd
    for (int i = 0; i < n; i++) {
        const real v = c.v[i], leak = c.leak[i], below = c.rest[i] - v;
        const real i_spike = leak * s.slope * std::exp(clip((v - c.threshold[i]) * per_slope, -30, 30));
        const real unblocked = 1 / (1 + s.mg_ratio * std::exp(v * per_mg_slope));
        const real charge = s.step * c.elastance[i] * clip(1 - c.refractory_left[i] * per_step, 0, 1);
        const real excitation = c.g_ampa[i] + c.g_nk1[i] + unblocked * c.g_nmda[i], inhibition = c.g_gaba_a[i] + c.g_glycine[i] + c.tonic_chloride[i];
        const real current = leak * below + i_spike + excitation * (s.e_excitatory - v) + inhibition * (c.e_chloride[i] - v) +
                             c.g_slow_k[i] * (s.e_potassium - v) + c.i_intrinsic[i] + c.i_drive[i] - c.w[i];
        c.v[i] = v + charge * current * phi(-charge * (leak + excitation + inhibition + c.g_slow_k[i]));
        c.w[i] -= c.w_gain[i] * (c.adaptation_a[i] * below + c.w[i]);
        c.refractory_left[i] -= s.step;
        c.g_nmda[i] = s.nmda_keep * c.g_nmda[i] + s.nmda_fresh * c.x_nmda[i];
        c.x_nmda[i] *= s.nmda_rise_keep;
        c.g_ampa[i] *= s.ampa_keep;
        c.g_gaba_a[i] *= s.gaba_a_keep;
        c.g_glycine[i] *= c.glycine_keep[i];
    }
}

// Threshold and reset; blocks without a spike, which are most, end after their first loop.
void fire(const Cells c, const Shared s, int n, std::vector<int> &spikes) {
    constexpr int block = 64;
    for (int start = 0; start < n; start += block) {
        const int stop = std::min(start + block, n);
        real highest = c.v[start];
#pragma omp simd reduction(max : highest)
        for (int i = start; i < stop; i++) highest = std::max(highest, c.v[i]);
        if (!(highest > s.spike_level)) continue;
        for (int i = start; i < stop; i++) {
            if (!(c.v[i] > s.spike_level)) continue;
            spikes.push_back(i);
            c.v[i] = c.reset[i];
            c.w[i] += c.adaptation_b[i];
            c.calcium[i] += c.calcium_per_spike[i];
            c.refractory_left[i] = s.refractory_period;
        }
    }
}

}  // namespace

int main(int count, char **words) {
    if (count < 4 || count % 2) dhmodel::Feed::fail("needs a folder and ranges of cells");
    const dhmodel::Feed &feed = dhmodel::feed();
    const int n = static_cast<int>(feed.n_cells);
    std::vector<int> ends;
    for (int i = 2; i < count; i++) ends.push_back(std::atoi(words[i]));
    const Cells c = cells_from(words[1], n);
    const Shared s = shared_from(words[1]);
    // The engine, too, makes the step at which its time is up.
    const long steps = std::lround(feed.stop / s.step) + 1, per_slow = std::lround(1 / (feed.per_interval * s.step));
    std::vector<int> spikes;
    for (long k = 0; k < steps; k++) {
        for (size_t i = 2; i < ends.size(); i += 2) a_current(c, s, ends[i], ends[i + 1]);
        calcium_and_can(c, s, ends[0], ends[1]);
        if (k % per_slow == 0) slow(c, s, n, dhmodel::noise_row(double(k) * s.step));
        advance(c, s, n);
        fire(c, s, n, spikes);
    }
    double sum = 0;
    for (int i = 0; i < n; i++) sum += c.v[i] + c.w[i] * 1e9 + c.can_gate[i];
    std::printf("%ld %zu %.9g\n", steps, spikes.size(), sum);
}
