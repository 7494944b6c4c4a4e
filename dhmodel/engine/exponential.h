// exp for the loops over cells. In single precision it is inline, so that a loop keeps its registers, which a call of
// the C library's vector exp would spill. Relative error below 5e-7 for |x| < 5 and 4e-6 anywhere, from the rounding of
// x/ln 2; arguments are cut at -87 and 88. In double precision it is the C library's.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace dhmodel {

inline __attribute__((always_inline)) float exponential(float x) {
    // exp(x) = 2^k 2^f, f in [-1/2, 1/2]; 2^f by its minimax polynomial, 2^k into the exponent's bits.
    const float t = std::min(std::max(x, -87.0f), 88.0f) * 1.44269504f;
    const float k = std::rint(t), f = t - k;
    const float end = 9.618436e-3f + f * (1.339893e-3f + f * 1.535336e-4f);
    const float fraction = 1.0f + f * (6.931472e-1f + f * (2.402265e-1f + f * (5.550325e-2f + f * end)));
    int32_t bits;
    std::memcpy(&bits, &fraction, sizeof bits);
    bits += static_cast<int32_t>(k) << 23;
    float result;
    std::memcpy(&result, &bits, sizeof result);
    return result;
}

inline double exponential(double x) { return std::exp(x); }

}  // namespace dhmodel

using dhmodel::exponential;
