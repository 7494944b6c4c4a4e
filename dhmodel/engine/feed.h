// What enters a run besides its parameters: spike times of every source, white noise for every cell, and the time to
// stop. One file, named by the environment variable DHMODEL_FEED, mapped read-only. All numbers are 8 bytes but noise
// and levels (4): double n_sources, stop, n_cells, slow_dt, n_rows, is_drawn | int64 offset[n_sources + 1] | double
// time[...] | noise. That is float noise[n_rows][n_cells]; or, if is_drawn, what it is drawn from while the run goes on:
// uint64 state[2], increment[2] of the generator, high half first | float level[65536] | double n_added | per addition
// double begin, end, first, last, value: to rows [begin, end) of cells [first, last).
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <cstring>
#include <limits>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace dhmodel {

struct Feed {
    const int64_t *offset = nullptr;
    const double *time = nullptr;
    const float *noise = nullptr;
    const char *recipe = nullptr;
    double stop = 0, per_interval = 0;
    int64_t n_cells = 0, n_rows = 0;

    static void fail(const char *what) {
        std::fprintf(stderr, "feed: %s\n", what);
        std::exit(3);
    }

    Feed() {
        const char *name = std::getenv("DHMODEL_FEED");
        if (!name) fail("DHMODEL_FEED is not set");
        const int file = open(name, O_RDONLY);
        struct stat info;
        if (file < 0 || fstat(file, &info) != 0) fail("cannot open the feed file");
        const int64_t size = info.st_size, head_size = 6 * 8, recipe_size = 4 * 8 + 65536 * 4 + 8;
        if (size < head_size) fail("the feed file is cut short");
        void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
        if (memory == MAP_FAILED) fail("cannot map the feed file");
        close(file);
        const double *head = static_cast<const double *>(memory);
        const int64_t n_sources = static_cast<int64_t>(head[0]);
        stop = head[1];
        n_cells = static_cast<int64_t>(head[2]);
        per_interval = 1.0 / head[3];
        n_rows = static_cast<int64_t>(head[4]);
        const int64_t before_times = head_size + 8 * (n_sources + 1);
        if (size < before_times) fail("the feed file is cut short");
        offset = reinterpret_cast<const int64_t *>(head + 6);
        time = reinterpret_cast<const double *>(offset + n_sources + 1);
        const int64_t before_noise = before_times + 8 * offset[n_sources];
        int64_t noise_size = 4 * n_rows * n_cells;
        if (head[5]) {
            recipe = reinterpret_cast<const char *>(memory) + before_noise;
            if (size < before_noise + recipe_size) fail("the feed file is cut short");
            double n_added;
            std::memcpy(&n_added, recipe + recipe_size - 8, 8);
            noise_size = recipe_size + 40 * static_cast<int64_t>(n_added);
        } else {
            noise = reinterpret_cast<const float *>(time + offset[n_sources]);
        }
        if (size != before_noise + noise_size) fail("the feed file has the wrong size");
    }
};

// Opened before main begins: a static inside feed() would be guarded, and a guard keeps loops from being vectorised.
inline const Feed instance;

inline const Feed &feed() { return instance; }

// White noise drawn row by row, as numpy's PCG64 and `white_noise` in feed.py do: 16 bits choose one of the levels.
class Drawn {
    using Wide = unsigned __int128;
    struct Addition {
        double begin, end, first, last, value;
    };

    Wide state = 0, increment = 0;
    uint64_t bits = 0;
    int left = 0;
    int64_t drawn = 0;
    std::vector<float> row, level;
    std::vector<Addition> added;

    template <typename T>
    static const char *read(const char *from, T *to, size_t n) {
        if (n) std::memcpy(to, from, n * sizeof(T));
        return from + n * sizeof(T);
    }

    uint64_t next() {
        state = state * ((Wide(2549297995355413924ULL) << 64) + 4865540595714422341ULL) + increment;
        const uint64_t folded = uint64_t(state >> 64) ^ uint64_t(state);
        const unsigned turn = unsigned(state >> 122);
        return (folded >> turn) | (folded << ((64 - turn) & 63));
    }

    void draw() {
        for (float &value : row) {
            if (!left) {
                bits = next();
                left = 4;
            }
            value = level[bits & 0xffff];
            bits >>= 16;
            left--;
        }
        for (const Addition &one : added)
            if (one.begin <= drawn && drawn < one.end)
                for (int64_t i = one.first; i < one.last; i++) row[i] += float(one.value);
        drawn++;
    }

   public:
    explicit Drawn(const Feed &feed) {
        if (!feed.recipe) return;
        uint64_t half[4];
        double n_added;
        level.resize(65536);
        const char *from = read(read(feed.recipe, half, 4), level.data(), 65536);
        from = read(from, &n_added, 1);
        added.resize(n_added);
        read(from, added.data(), added.size());
        state = (Wide(half[0]) << 64) + half[1];
        increment = (Wide(half[2]) << 64) + half[3];
        row.resize(feed.n_cells);
    }

    // Rows are asked for in their order, each as often as one likes.
    const float *at(int64_t number) {
        while (drawn <= number) draw();
        return row.data();
    }
};

inline Drawn drawn{instance};

// Time of spike k of source i; never, once its spikes are used up.
inline double next_spike(int64_t i, int64_t k) {
    const Feed &f = feed();
    const int64_t j = f.offset[i] + k;
    return j < f.offset[i + 1] ? f.time[j] : std::numeric_limits<double>::max();
}

// White noise of all cells at time t.
inline const float *noise_row(double t) {
    static const std::vector<float> silence(feed().n_cells);
    const Feed &f = feed();
    const int64_t row = static_cast<int64_t>(t * f.per_interval + 0.5);
    if (row >= f.n_rows) return silence.data();
    return f.recipe ? drawn.at(row) : f.noise + row * f.n_cells;
}

inline double white_noise(int64_t i, double t) { return noise_row(t)[i]; }

}  // namespace dhmodel
