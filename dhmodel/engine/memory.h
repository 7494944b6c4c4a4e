// Where the arrays of the cells lie in memory. A loop that walks along twenty arrays at once needs them at different
// distances from the start of a page, or they compete for the same few lines of the cache: with 49,000 cells, whose
// arrays the C library maps one by one to whole pages, a step took four times as long.
#pragma once
#include <cstddef>
#include <malloc.h>

namespace dhmodel {

constexpr std::size_t page = 4096, shift = 320, header = 16, small = 4 * page;

// Array of n numbers; the next one begins `shift` bytes farther into its page. Small ones lie close together as they are.
template <typename T>
T *spread(std::size_t n) {
    const std::size_t bytes = n * sizeof(T) + header;
    const std::size_t unused = bytes < small ? 0 : (page + shift - bytes % page) % page;
    return new T[n + unused / sizeof(T)];
}

// From one piece of memory: mapped ones all begin a page.
inline const int one_piece = mallopt(M_MMAP_MAX, 0);

}  // namespace dhmodel
