// The fast fibre model; see axon.py for the equations, axon_twin.py for the same in numpy, axon_state.py for
// the arrays. Response, activation and accommodation do not depend on spikes. So a few fibres, one vector,
// are taken through some hundred segments with their state in registers; then those that came near threshold
// are looked at one by one. Levels are held as squares, which is what the activation is.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

// Eight fibres side by side, as vectors that gcc and clang both know.
typedef double Vector __attribute__((vector_size(32)));
constexpr int LANES = 8;

struct Lanes {
    Vector low, high;

    double& operator[](int64_t i) { return reinterpret_cast<double*>(this)[i]; }
};

inline Lanes operator+(Lanes a, Lanes b) { return {a.low + b.low, a.high + b.high}; }
inline Lanes operator-(Lanes a, Lanes b) { return {a.low - b.low, a.high - b.high}; }
inline Lanes operator*(double a, Lanes b) { return {a * b.low, a * b.high}; }
inline Lanes operator*(Lanes a, Lanes b) { return {a.low * b.low, a.high * b.high}; }
inline Lanes root(Lanes a) {
    for (int i = 0; i < LANES / 2; i++) {
        a.low[i] = std::sqrt(a.low[i]);
        a.high[i] = std::sqrt(a.high[i]);
    }
    return a;
}
inline Lanes larger(Lanes a, Lanes b) {
    return {a.low > b.low ? a.low : b.low, a.high > b.high ? a.high : b.high};
}

constexpr int COMPONENTS = 3;
constexpr int64_t WEIGHTS = 13;  // of a segment, see `Slab`
constexpr int64_t CHUNK = 256;  // segments whose levels are held at once
constexpr double NEVER = 1e300;
constexpr double MARGIN = 1e-9;  // by which a bound is lowered, against rounding

struct Constants {
    double activation_tau, accommodation, relative, relative_tau, fatigue, fatigue_tau, noise, noise_tau;
};

// As `State` and `Line`; arrays [channel][site][component][fibre] and so on.
struct Fibres {
    int64_t fibres, sites, channels;
    const double *gains, *refractory;
    const uint64_t* keys;
    double *response, *activation, *accommodation, *level, *last, *fatigue;
    const double* queue;
    uint8_t* arrives;
    int64_t* next;
    const double *in_column, *anywhere, *quantiles;
};

// As `Slab`.
struct Currents {
    int64_t segments;
    const double *edges, *weights, *current;
    const int64_t* noise_bin;
};

struct Spike {
    int64_t segment, fibre;
    double time;
    bool arrives;
};

typedef std::vector<Spike> Fired;

// One segment: factors of the old response and of the drive, for the new response (`keep`, `drive`), for what
// adds to the accommodation (`lasting`) and for the root of what adds to the activation (`acting`); `slow`
// and `fast` are the factors by which these two decay.
struct Weights {
    double keep[COMPONENTS], lasting_keep[COMPONENTS], acting_keep[COMPONENTS];
    double drive[COMPONENTS], lasting_drive[COMPONENTS], acting_drive[COMPONENTS];
    double slow, fast;
    int64_t on, channel;  // channels that carry current; the last of them
};

std::vector<Weights> make_weights(const Constants& axon, const Currents& slab, int64_t channels) {
    std::vector<Weights> all(slab.segments);
    for (int64_t k = 0; k < slab.segments; k++) {
        Weights& w = all[k];
        const double *given = slab.weights + k * WEIGHTS, *current = slab.current + k * channels;
        for (int64_t c = 0; c < channels; c++)
            if (current[c] != 0) {
                w.on++;
                w.channel = c;
            }
        // several channels are summed up first
        const double amperes = w.on == 1 ? current[w.channel] : 1.0;
        w.slow = given[3];
        w.fast = given[8];
        for (int j = 0; j < COMPONENTS; j++) {
            w.keep[j] = given[j];
            w.drive[j] = (1 - given[j]) * amperes;
            w.lasting_keep[j] = axon.accommodation * given[4 + j];
            w.lasting_drive[j] = axon.accommodation * (given[7] - given[4 + j]) * amperes;
            w.acting_keep[j] = given[9 + j];
            w.acting_drive[j] = (given[12] - given[9 + j]) * amperes;
        }
    }
    return all;
}

// What a fibre must at least reach until its next spike. Threshold falls meanwhile, and never faster than the
// first terms of the exponential series allow: all terms are positive before `until`.
struct Bound {
    double ready, until, relative_tau;
    double relative, tired, xi;  // relative refractoriness and 1 + fatigue at `until`; noise

    // Squared, as the levels are.
    double square(double time) const {
        const double s = (until - time) / relative_tau;
        const double more = relative * (1 + s * (1 + s * (1.0 / 2 + s * (1.0 / 6 + s * (1.0 / 24)))));
        const double least = std::max((1 + more) * tired + xi - MARGIN, 0.0);
        return least * least;
    }
};

// A vector of neighbouring fibres, on their way through a slab.
struct Group {
    const Constants& axon;
    const Fibres& all;
    const Currents& slab;
    int64_t first, count;
    std::vector<Lanes> gain;       // [channel][site][component]
    Lanes total[COMPONENTS];
    Lanes level[CHUNK + 1];        // squared, before the first segment of a chunk, and after each

    Group(const Constants& axon, const Fibres& all, const Currents& slab, int64_t first)
        : axon(axon), all(all), slab(slab), first(first), count(std::min<int64_t>(LANES, all.fibres - first)),
          gain(all.channels * all.sites * COMPONENTS) {
        for (size_t row = 0; row < gain.size(); row++) gain[row] = load(all.gains, row);
        level[0] = load(all.level, 0);
    }

    Lanes load(const double* from, int64_t row) const {
        double lanes[LANES] = {};
        std::copy_n(from + row * all.fibres + first, count, lanes);
        Lanes loaded;
        std::memcpy(&loaded, lanes, sizeof lanes);
        return loaded;
    }

    void store(Lanes lanes, double* to, int64_t row) const {
        for (int64_t i = 0; i < count; i++) to[row * all.fibres + first + i] = lanes[i];
    }

    const Lanes* sum(int64_t segment, int64_t row);
    template <bool accommodates>
    void respond(const Weights* weights, int64_t begin, int64_t segments);
    void fire(int64_t begin, int64_t segments, Fired& fired);
    void look(int64_t begin, int64_t from, int64_t to, int64_t i, double most, Fired& fired);
    bool starts(int64_t fibre, double xi, int64_t segment, double level, double before, double& time) const;

    double tired(int64_t fibre, double time) const;
    double threshold(int64_t fibre, double time) const;
    Bound bound(int64_t fibre, double until, double xi) const;
    double noise(int64_t fibre, int64_t noise_bin) const;
    void spike(int64_t fibre, double time) const;
    void let_pass(int64_t fibre, double time) const;
    bool collide(int64_t fibre, double time) const;
};

// Drive of the components of a site from all channels.
__attribute__((noinline)) const Lanes* Group::sum(int64_t segment, int64_t row) {
    const double* current = slab.current + segment * all.channels;
    for (int j = 0; j < COMPONENTS; j++) {
        total[j] = Lanes{};
        for (int64_t c = 0; c < all.channels; c++)
            total[j] = total[j] + current[c] * gain[c * all.sites * COMPONENTS + row + j];
    }
    return total;
}

// Squared levels after each segment of a chunk, the largest over the sites. The activation is a squared
// level, so that without accommodation there is no root to take.
template <bool accommodates>
void Group::respond(const Weights* weights, int64_t begin, int64_t segments) {
    const int64_t rows = all.sites * COMPONENTS;
    for (int64_t site = 0; site < all.sites; site++) {
        const int64_t row = site * COMPONENTS;
        Lanes x0 = load(all.response, row), x1 = load(all.response, row + 1);
        Lanes x2 = load(all.response, row + 2);
        Lanes q = load(all.activation, site), a = load(all.accommodation, site);
        for (int64_t k = 0; k < segments; k++) {
            const Weights& w = weights[begin + k];
            const Lanes* g = nullptr;
            if (w.on) g = w.on == 1 ? &gain[w.channel * rows + row] : sum(begin + k, row);
            Lanes acting = w.acting_keep[0] * x0 + w.acting_keep[1] * x1 + w.acting_keep[2] * x2;
            if (g)
                acting = acting + w.acting_drive[0] * g[0] + w.acting_drive[1] * g[1] +
                         w.acting_drive[2] * g[2];
            if (accommodates) {
                Lanes lasting = w.lasting_keep[0] * x0 + w.lasting_keep[1] * x1 + w.lasting_keep[2] * x2;
                if (g)
                    lasting = lasting + w.lasting_drive[0] * g[0] + w.lasting_drive[1] * g[1] +
                              w.lasting_drive[2] * g[2];
                a = w.slow * a + larger(lasting, Lanes{});
            }
            x0 = w.keep[0] * x0;
            x1 = w.keep[1] * x1;
            x2 = w.keep[2] * x2;
            if (g) {
                x0 = x0 + w.drive[0] * g[0];
                x1 = x1 + w.drive[1] * g[1];
                x2 = x2 + w.drive[2] * g[2];
            }
            acting = larger(acting, Lanes{});
            q = w.fast * q + acting * acting;
            Lanes square = q;
            if (accommodates) {
                const Lanes difference = larger(root(q) - a, Lanes{});
                square = difference * difference;
            }
            level[k + 1] = site ? larger(level[k + 1], square) : square;
        }
        store(x0, all.response, row);
        store(x1, all.response, row + 1);
        store(x2, all.response, row + 2);
        store(q, all.activation, site);
        store(a, all.accommodation, site);
    }
}

// splitmix64: the state after noise_bin + 1 steps, mixed; its upper 12 bits choose a quantile.
double Group::noise(int64_t fibre, int64_t noise_bin) const {
    uint64_t mixed = all.keys[fibre] + (uint64_t(noise_bin) + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return axon.noise * all.quantiles[(mixed ^ (mixed >> 31)) >> 52];
}

double Group::tired(int64_t fibre, double time) const {
    return all.fatigue[fibre] * std::exp(-(time - all.last[fibre]) / axon.fatigue_tau);
}

// Without noise, for a time when the absolute refractory period is over.
double Group::threshold(int64_t fibre, double time) const {
    const double ready = all.last[fibre] + all.refractory[fibre];
    const double relative = axon.relative * std::exp(-(time - ready) / axon.relative_tau);
    return (1 + relative) * (1 + tired(fibre, time));
}

void Group::spike(int64_t fibre, double time) const {
    all.fatigue[fibre] = tired(fibre, time) + axon.fatigue;
    all.last[fibre] = time;
}

void Group::let_pass(int64_t fibre, double time) const {
    for (; all.queue[all.next[fibre]] <= time; all.next[fibre]++) spike(fibre, all.queue[all.next[fibre]]);
}

bool Group::collide(int64_t fibre, double time) const {
    const double wait = all.queue[all.next[fibre]] - time;
    const bool in_column = wait < all.in_column[fibre];
    if (wait < all.anywhere[fibre]) {
        if (!in_column) all.arrives[all.next[fibre]] = 0;
        all.next[fibre]++;
    }
    return !in_column;
}

Bound Group::bound(int64_t fibre, double until, double xi) const {
    const double ready = all.last[fibre] + all.refractory[fibre];
    const double relative = axon.relative * std::exp(-std::max(until - ready, 0.0) / axon.relative_tau);
    return {ready, until, axon.relative_tau, relative, 1 + tired(fibre, until), xi};
}

// Whether a fibre starts a spike in a segment, and when; `level` after it and `before` it are squares.
bool Group::starts(int64_t fibre, double xi, int64_t segment, double level, double before,
                   double& time) const {
    const double start = slab.edges[segment], end = slab.edges[segment + 1];
    let_pass(fibre, end);
    const double ready = all.last[fibre] + all.refractory[fibre];
    if (end < ready) return false;
    const double theta = std::max(threshold(fibre, end) + xi, 0.0), wanted = theta * theta;
    if (level < wanted) return false;
    time = end;
    if (before < wanted) {
        // the square relaxes with the time constant of the activation
        const double rise = (wanted - before) / (level - before);
        const double fallen = rise * std::expm1(-(end - start) / axon.activation_tau);
        time = std::min(start - axon.activation_tau * std::log1p(fallen), end);
    }
    time = std::max(time, ready);
    return true;
}

// Segments from..to of a chunk, all of one noise bin, in which fibre i came near threshold.
void Group::look(int64_t begin, int64_t from, int64_t to, int64_t i, double most, Fired& fired) {
    const int64_t fibre = first + i, noise_bin = slab.noise_bin[begin + from];
    const double xi = noise(fibre, noise_bin), until = (noise_bin + 1) * axon.noise_tau + MARGIN;
    const double* ends = slab.edges + begin + 1;
    Bound must = bound(fibre, until, xi);
    double least = must.square(until), time;
    const auto rested = [&](int64_t k) { return std::lower_bound(ends + k, ends + to, must.ready) - ends; };
    for (int64_t k = rested(from); k < to && most >= least; k++) {
        const double now = level[k + 1][i];
        if (now < least || now < must.square(ends[k])) continue;
        if (!starts(fibre, xi, begin + k, now, level[k][i], time)) continue;
        spike(fibre, time);
        fired.push_back({begin + k, fibre, time, collide(fibre, time)});
        must = bound(fibre, until, xi);
        least = must.square(until);
        k = std::max(k, rested(k) - 1);
    }
}

void Group::fire(int64_t begin, int64_t segments, Fired& fired) {
    const double least = std::max(1 + axon.noise * all.quantiles[0] - MARGIN, 0.0), lowest = least * least;
    for (int64_t from = 0, to; from < segments; from = to) {
        Lanes most = level[from + 1];
        for (to = from + 1; to < segments && slab.noise_bin[begin + to] == slab.noise_bin[begin + from]; to++)
            most = larger(most, level[to + 1]);
        for (int64_t i = 0; i < count; i++)
            if (most[i] >= lowest) look(begin, from, to, i, most[i], fired);
    }
}

// Take group after group through a slab; `use(group, begin, segments)` sees the levels of each chunk.
template <typename Use>
void walk(const Constants& axon, const Fibres& all, const Currents& slab, Use use) {
    const std::vector<Weights> weights = make_weights(axon, slab, all.channels);
    for (int64_t first = 0; first < all.fibres; first += LANES) {
        Group group(axon, all, slab, first);
        for (int64_t begin = 0; begin < slab.segments; begin += CHUNK) {
            const int64_t segments = std::min(CHUNK, slab.segments - begin);
            if (axon.accommodation > 0)
                group.respond<true>(weights.data(), begin, segments);
            else
                group.respond<false>(weights.data(), begin, segments);
            use(group, begin, segments);
            group.level[0] = group.level[segments];
        }
        group.store(group.level[0], all.level, 0);
    }
}

}  // namespace

extern "C" {

// The caller takes the spikes with `fired_take`, which frees them.
Fired* advance(const Constants* axon, const Fibres* all, const Currents* slab) {
    Fired* fired = new Fired;
    walk(*axon, *all, *slab,
         [&](Group& group, int64_t begin, int64_t segments) { group.fire(begin, segments, *fired); });
    return fired;
}

void peaks(const Constants* axon, const Fibres* all, const Currents* slab, double* highest) {
    walk(*axon, *all, *slab, [&](Group& group, int64_t, int64_t segments) {
        Lanes most = group.load(highest, 0);
        most = most * most;
        for (int64_t k = 0; k < segments; k++) most = larger(most, group.level[k + 1]);
        group.store(root(most), highest, 0);
    });
}

int64_t fired_count(const Fired* fired) { return int64_t(fired->size()); }

void fired_take(Fired* fired, int64_t* segment, int64_t* fibre, double* time, uint8_t* arrives) {
    for (size_t k = 0; k < fired->size(); k++) {
        const Spike& one = (*fired)[k];
        segment[k] = one.segment;
        fibre[k] = one.fibre;
        time[k] = one.time;
        arrives[k] = one.arrives;
    }
    delete fired;
}

}  // extern "C"
