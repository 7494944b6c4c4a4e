// The fast fibre model; see axon.py for the equations, axon_twin.py for the same in numpy, axon_state.py for
// the arrays. Response, activation and accommodation do not depend on spikes. So a few fibres, one vector,
// are taken through some hundred segments with their state in registers; then those that came near threshold
// are looked at one by one. Levels are held as squares, which is what the activation is.
//
// Under a regular train the state soon is the same, to the last bit, after each period: every step is monotone
// in the state and forgets it, so rounded states cannot wander for ever. Where a chunk of some periods has left
// a group's state as it was and the next has the same segments, its levels are those that are there already.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

// Eight fibres side by side, as vectors that gcc and clang both know.
typedef double Vector __attribute__((vector_size(32)));
constexpr int LANES = 8;

inline bool same(Vector a, Vector b) {
    const auto differ = a != b;
    return !(differ[0] | differ[1] | differ[2] | differ[3]);
}

struct Lanes {
    Vector low, high;

    bool operator==(const Lanes& other) const { return same(low, other.low) && same(high, other.high); }

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
inline Lanes smaller(Lanes a, double b) {
    return {a.low < b ? a.low : b + Vector{}, a.high < b ? a.high : b + Vector{}};
}

constexpr int COMPONENTS = 3;
constexpr int64_t WEIGHTS = 14;  // of a segment, see `Slab`
constexpr int64_t CHUNK = 256;  // segments whose levels are held at once, at most
constexpr double MARGIN = 1e-9;  // by which a bound is lowered, against rounding
constexpr double LONG = 25;      // time constants after which less than that is left
constexpr double SMALL = 1e-3;   // for which the first terms of the exponential series are exact

struct Constants {
    double activation_tau, accommodation, accommodation_linear, relative, relative_tau, supernormal,
        supernormal_tau, fatigue, fatigue_tau, noise;
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

// One segment: factors of the old response and of the drive, for the new response (`keep`, `drive`) and for
// the root of what adds to the activation (`acting`), which decays by `fast`. Of the lasting activation `slow`
// stays, `first` and `last` of the activation before and after the segment are added to it. `recovery`,
// `excess` and `rest` are the factors by which relative refractoriness, supernormality and fatigue decay.
struct Weights {
    double keep[COMPONENTS], acting_keep[COMPONENTS], drive[COMPONENTS], acting_drive[COMPONENTS];
    double fast, slow, first, last, recovery, excess, rest;
    int64_t on, channel;  // channels that carry current; the last of them
};

std::vector<Weights> make_weights(const Currents& slab, int64_t channels) {
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
        for (int j = 0; j < COMPONENTS; j++) {
            w.keep[j] = given[j];
            w.drive[j] = (1 - given[j]) * amperes;
            w.acting_keep[j] = given[4 + j];
            w.acting_drive[j] = (given[7] - given[4 + j]) * amperes;
        }
        w.fast = given[3];
        std::copy_n(given + 8, 6, &w.slow);
    }
    return all;
}

// How the segments of a slab are cut into chunks of equal length, and which of these repeat the one before.
struct Chunks {
    int64_t length;
    std::vector<bool> repeats;
};

// Whether the `number` segments from `k` on are those `lag` before; `make_weights` leaves no padding.
bool repeated(const std::vector<Weights>& weights, const Currents& slab, int64_t channels, int64_t k,
              int64_t lag, int64_t number) {
    const double* current = slab.current + k * channels;
    return k >= lag && k + number <= slab.segments &&
           !std::memcmp(&weights[k], &weights[k - lag], number * sizeof(Weights)) &&
           std::equal(current, current + number * channels, current - lag * channels);
}

// Chunks hold whole periods of the train that is on in the middle of the slab, if a regular one is.
Chunks make_chunks(const std::vector<Weights>& weights, const Currents& slab, int64_t channels) {
    int64_t period = 1;
    const int64_t middle = slab.segments / 2;
    while (period <= CHUNK / 2 && !repeated(weights, slab, channels, middle, period, period)) period++;
    const int64_t length = period <= CHUNK / 2 ? CHUNK / period * period : CHUNK;
    Chunks chunks{length, {}};
    for (int64_t k = 0; k < slab.segments; k += length)
        chunks.repeats.push_back(repeated(weights, slab, channels, k, length, length));
    return chunks;
}

// What spikes have left of the threshold of a fibre, once the absolute refractory period is over.
struct After {
    double relative, supernormal, tired;

    // The threshold, squared as the levels are.
    double square(double noise) const {
        const double theta = std::max((1 + relative - supernormal) * (1 + tired) + noise, 0.0);
        return theta * theta;
    }
};

// exp(-x) for an x that is mostly small.
inline double decay(double x) {
    if (x > SMALL) return std::exp(-x);
    return 1 - x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
}

// A vector of neighbouring fibres, on their way through a slab.
struct Group {
    const Constants& axon;
    const Fibres& all;
    const Currents& slab;
    int64_t first, count;
    std::vector<Lanes> gain;       // [channel][site][component]
    Lanes total[COMPONENTS];
    Lanes active, lasting;         // activation, and what lasts of it
    Lanes level[CHUNK + 1];        // squared, before the first segment of a chunk, and after each
    Lanes most;                    // the largest level of the chunk
    bool settled = false;          // whether the chunk has left the state as it was

    Group(const Constants& axon, const Fibres& all, const Currents& slab, int64_t first)
        : axon(axon), all(all), slab(slab), first(first), count(std::min<int64_t>(LANES, all.fibres - first)),
          gain(all.channels * all.sites * COMPONENTS) {
        for (size_t row = 0; row < gain.size(); row++) gain[row] = load(all.gains, row);
        active = load(all.level, 0);
        lasting = load(all.accommodation, 0);
        level[0] = active - raised(lasting);
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
    void follow(const Weights* weights, int64_t begin, int64_t segments);
    bool respond(const Weights* weights, int64_t begin, int64_t segments);
    bool accommodate(const Weights* weights, int64_t begin, int64_t segments);
    Lanes raised(Lanes lasting) const;
    void fire(const Weights* weights, int64_t begin, int64_t segments, Fired& fired);
    void look(const Weights* weights, int64_t begin, int64_t from, int64_t to, int64_t i, double most,
              Fired& fired);
    double crossing(int64_t segment, double fast, double before, double level, double wanted) const;

    double tired(int64_t fibre, double time) const;
    double ready(int64_t fibre) const;
    After after(int64_t fibre, double time) const;
    bool stays_below(int64_t fibre, double from, double to, double noise, double level) const;
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

// Take the group through a chunk.
void Group::follow(const Weights* weights, int64_t begin, int64_t segments) {
    const bool responses = respond(weights, begin, segments);
    settled = accommodate(weights, begin, segments) && responses;
}

// Activation after each segment of a chunk, the largest over the sites, which is a squared level. Returns
// whether all responses and activations end as they began.
bool Group::respond(const Weights* weights, int64_t begin, int64_t segments) {
    bool kept = true;
    const int64_t rows = all.sites * COMPONENTS;
    for (int64_t site = 0; site < all.sites; site++) {
        const int64_t row = site * COMPONENTS;
        Lanes x0 = load(all.response, row), x1 = load(all.response, row + 1);
        Lanes x2 = load(all.response, row + 2), q = load(all.activation, site);
        const Lanes before[] = {x0, x1, x2, q};
        for (int64_t k = 0; k < segments; k++) {
            const Weights& w = weights[begin + k];
            const Lanes* g = nullptr;
            if (w.on) g = w.on == 1 ? &gain[w.channel * rows + row] : sum(begin + k, row);
            Lanes acting = w.acting_keep[0] * x0 + w.acting_keep[1] * x1 + w.acting_keep[2] * x2;
            x0 = w.keep[0] * x0;
            x1 = w.keep[1] * x1;
            x2 = w.keep[2] * x2;
            if (g) {
                acting = acting + w.acting_drive[0] * g[0] + w.acting_drive[1] * g[1] +
                         w.acting_drive[2] * g[2];
                x0 = x0 + w.drive[0] * g[0];
                x1 = x1 + w.drive[1] * g[1];
                x2 = x2 + w.drive[2] * g[2];
            }
            acting = larger(acting, Lanes{});
            q = w.fast * q + acting * acting;
            level[k + 1] = site ? larger(level[k + 1], q) : q;
        }
        store(x0, all.response, row);
        store(x1, all.response, row + 1);
        store(x2, all.response, row + 2);
        store(q, all.activation, site);
        kept = kept && x0 == before[0] && x1 == before[1] && x2 == before[2] && q == before[3];
    }
    return kept;
}

// Take accommodation off the activation after each segment of a chunk. Returns whether the activation and what
// lasts of it end as they began.
bool Group::accommodate(const Weights* weights, int64_t begin, int64_t segments) {
    Lanes q = active, a = lasting;
    most = Lanes{};
    for (int64_t k = 0; k < segments; k++) {
        const Weights& w = weights[begin + k];
        a = w.slow * a + w.first * q + w.last * level[k + 1];
        q = level[k + 1];
        level[k + 1] = q - raised(a);
        most = larger(most, level[k + 1]);
    }
    const bool kept = q == active && a == lasting;
    active = q;
    lasting = a;
    return kept;
}

// By how much accommodation raises the squared threshold.
Lanes Group::raised(Lanes lasting) const {
    return axon.accommodation * lasting * smaller(lasting, axon.accommodation_linear);
}

// splitmix64: the state after noise_bin + 1 steps, mixed; its upper 12 bits choose a quantile.
double Group::noise(int64_t fibre, int64_t noise_bin) const {
    uint64_t mixed = all.keys[fibre] + (uint64_t(noise_bin) + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return axon.noise * all.quantiles[(mixed ^ (mixed >> 31)) >> 52];
}

double Group::tired(int64_t fibre, double time) const {
    return all.fatigue[fibre] * decay((time - all.last[fibre]) / axon.fatigue_tau);
}

// When the absolute refractory period is over.
double Group::ready(int64_t fibre) const { return all.last[fibre] + all.refractory[fibre]; }

After Group::after(int64_t fibre, double time) const {
    const double since = time - ready(fibre);
    return {axon.relative * std::exp(-since / axon.relative_tau),
            axon.supernormal * std::exp(-since / axon.supernormal_tau), tired(fibre, time)};
}

// Whether a squared level stays below threshold for a while, if there is no spike.
bool Group::stays_below(int64_t fibre, double from, double to, double noise, double level) const {
    After least{0, 0, tired(fibre, to)};
    if (level >= least.square(noise)) return false;
    const double since = std::max(from - ready(fibre), 0.0) / axon.supernormal_tau;
    least.supernormal = since < LONG ? axon.supernormal * std::exp(-since) : 0.0;
    return level < least.square(noise - MARGIN);
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

// When a square that relaxes from `before` to `level`, as the activation does, is as `wanted`.
double Group::crossing(int64_t segment, double fast, double before, double level, double wanted) const {
    const double start = slab.edges[segment], end = slab.edges[segment + 1];
    if (before >= wanted) return end;
    const double fallen = (wanted - before) / (level - before) * (fast - 1);
    return std::min(start - axon.activation_tau * std::log1p(fallen), end);
}

// Segments from..to of a chunk, all of one noise bin, in which fibre i came near threshold.
__attribute__((noinline)) void Group::look(const Weights* weights, int64_t begin, int64_t from, int64_t to,
                                           int64_t i, double most, Fired& fired) {
    const int64_t fibre = first + i;
    const double xi = noise(fibre, slab.noise_bin[begin + from]), *ends = slab.edges + begin + 1;
    const Weights* w = weights + begin;
    const bool passing = all.queue[all.next[fibre]] <= ends[to - 1];  // a natural spike leaves it excitable
    if (!passing && stays_below(fibre, ends[from], ends[to - 1], xi, most)) return;
    for (int64_t k = from; k < to; k++) {
        let_pass(fibre, ends[k]);
        const double begins = ready(fibre), due = all.queue[all.next[fibre]];
        while (k < to && ends[k] < begins) k++;
        if (k == to) return;
        After now = after(fibre, ends[k]);
        double wanted = now.square(xi);
        while (level[k + 1][i] < (1 - MARGIN) * wanted && ends[k] < due) {
            if (++k == to) return;
            now = {w[k].recovery * now.relative, w[k].excess * now.supernormal, w[k].rest * now.tired};
            wanted = now.square(xi);
        }
        if (ends[k] >= due) {
            k--;  // once more, after the natural spike
            continue;
        }
        wanted = after(fibre, ends[k]).square(xi);  // products depend on where chunks begin, this does not
        if (level[k + 1][i] < wanted) continue;
        const double at = crossing(begin + k, w[k].fast, level[k][i], level[k + 1][i], wanted);
        const double time = std::max(at, begins);
        spike(fibre, time);
        fired.push_back({begin + k, fibre, time, collide(fibre, time)});
    }
}

// Look at the fibres that came near threshold in a chunk, noise bin by noise bin.
void Group::fire(const Weights* weights, int64_t begin, int64_t segments, Fired& fired) {
    const double least = After{0, axon.supernormal, 0}.square(axon.noise * all.quantiles[0] - MARGIN);
    if (std::none_of(&most[0], &most[0] + count, [&](double level) { return level >= least; })) return;
    for (int64_t from = 0, to; from < segments; from = to) {
        Lanes highest{};
        for (to = from; to < segments && slab.noise_bin[begin + to] == slab.noise_bin[begin + from]; to++)
            highest = larger(highest, level[to + 1]);
        for (int64_t i = 0; i < count; i++)
            if (highest[i] >= least) look(weights, begin, from, to, i, highest[i], fired);
    }
}

// Take group after group through a slab; `use(group, weights, begin, segments)` sees each chunk's levels.
template <typename Use>
void walk(const Constants& axon, const Fibres& all, const Currents& slab, Use use) {
    const std::vector<Weights> weights = make_weights(slab, all.channels);
    const Chunks chunks = make_chunks(weights, slab, all.channels);
    for (int64_t first = 0; first < all.fibres; first += LANES) {
        Group group(axon, all, slab, first);
        for (int64_t begin = 0; begin < slab.segments; begin += chunks.length) {
            const int64_t segments = std::min(chunks.length, slab.segments - begin);
            if (!group.settled || !chunks.repeats[begin / chunks.length])
                group.follow(weights.data(), begin, segments);
            use(group, weights.data(), begin, segments);
            group.level[0] = group.level[segments];
        }
        group.store(group.active, all.level, 0);
        group.store(group.lasting, all.accommodation, 0);
    }
}

}  // namespace

extern "C" {

// The caller takes the spikes with `fired_take`, which frees them.
Fired* advance(const Constants* axon, const Fibres* all, const Currents* slab) {
    Fired* fired = new Fired;
    walk(*axon, *all, *slab,
         [&](Group& group, const Weights* weights, int64_t begin, int64_t segments) {
             group.fire(weights, begin, segments, *fired);
         });
    return fired;
}

void peaks(const Constants* axon, const Fibres* all, const Currents* slab, double* highest) {
    Constants bare = *axon;
    bare.accommodation = 0;
    walk(bare, *all, *slab, [&](Group& group, const Weights*, int64_t, int64_t) {
        const Lanes most = group.load(highest, 0);
        group.store(root(larger(most * most, group.most)), highest, 0);
    });
}

int64_t fired_count(const Fired* fired) { return int64_t(fired->size()); }

// By segment; those of a segment come in the order of the fibres.
void fired_take(Fired* fired, int64_t segments, int64_t* segment, int64_t* fibre, double* time,
                uint8_t* arrives) {
    std::vector<int64_t> place(segments + 1);
    for (const Spike& one : *fired) place[one.segment + 1]++;
    for (int64_t k = 0; k < segments; k++) place[k + 1] += place[k];
    for (const Spike& one : *fired) {
        const int64_t k = place[one.segment]++;
        segment[k] = one.segment;
        fibre[k] = one.fibre;
        time[k] = one.time;
        arrives[k] = one.arrives;
    }
    delete fired;
}

}  // extern "C"
