/* noise.h - normal noise on a grid of whole numbers, and the draw of a batch: what the guarantee rests on.
 *
 * Floating-point noise has holes that tell what was added (Mironov 2012), so none is used: sums of gradients are whole
 * numbers, and the noise is round(2^m N(0,1)).  Rounding commutes with adding a whole number, so the noisy sum is what
 * rounding the true Gaussian mechanism's answer gives: post-processing of it, and its accounting holds unchanged.
 *
 * The sampler is Karney's algorithm N (2016, arXiv 1303.6257) with decisions by uniforms of 53 bits or more against
 * probabilities in double.  Each decision has a probability of at least exp(-3.5), which those carry with a relative error
 * below 2^-47; the common ones take two decisions.  So each value within 100 standard deviations keeps its probability
 * up to a factor 1 +- NOISE_LAW_ERROR, and `count` draws add at most 2 * count * NOISE_LAW_ERROR to epsilon, which statements add.
 *
 * Not covered: how long a draw takes, which depends on its value. */
#ifndef NOISE_H
#define NOISE_H
#include "crypto/stream.h"

#define NOISE_LAW_ERROR 0x1p-44
enum { NOISE_BITS_MAX = 40 };

/* What streams of a run are for. */
enum { STREAM_NOISE = 1, STREAM_SAMPLE, STREAM_TIES };

/* round(2^m N(0,1)), m at most NOISE_BITS_MAX. */
int64_t noise_draw(Stream *s, unsigned m);

/* Poisson sampling: each of `rows` is in with probability floor(q 2^64) / 2^64, independently.  Returns how many are;
 * their numbers, rising, in out[rows]. */
size_t poisson_draw(const uint8_t key[static STREAM_KEY], uint32_t step, uint32_t rows, double q, uint32_t *out);

#endif
