// What enters a run besides its parameters: spike times of every source, white noise for every cell, and the time to
// stop. One file, named by the environment variable DHMODEL_FEED, mapped read-only. All numbers are 8 bytes but the
// noise (4): double n_sources, stop, n_cells, slow_dt, n_rows | int64 offset[n_sources + 1] | double time[...] |
// float noise[n_rows][n_cells]
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
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
        const int64_t size = info.st_size, head_size = 5 * 8;
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
        offset = reinterpret_cast<const int64_t *>(head + 5);
        time = reinterpret_cast<const double *>(offset + n_sources + 1);
        noise = reinterpret_cast<const float *>(time + offset[n_sources]);
        if (size != before_times + 8 * offset[n_sources] + 4 * n_rows * n_cells) fail("the feed file has the wrong size");
    }
};

// Opened before main begins: a static inside feed() would be guarded, and a guard keeps loops from being vectorised.
inline const Feed instance;

inline const Feed &feed() { return instance; }

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
    return row < f.n_rows ? f.noise + row * f.n_cells : silence.data();
}

inline double white_noise(int64_t i, double t) { return noise_row(t)[i]; }

}  // namespace dhmodel
