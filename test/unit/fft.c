#include "../test.h"
#include "base/rng.h"
#include "num/fft.h"
#include <math.h>

enum { MOST = 1 << 18 };
static double x[MOST], bins[MOST + 2], back[MOST], work[MOST], kept[MOST + 2];

static void fill(uint64_t seed, size_t n)
{
    Rng r = rng_of(seed);
    for (size_t i = 0; i < n; i++)
        x[i] = (rng_unit(&r) - 0.4) * exp(-10 * rng_unit(&r));
}

static double norm_of(const double *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += v[i] * v[i];
    return sqrt(sum);
}

static long double cosine[1 << 12], sine[1 << 12];

static void circle(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        long double angle = 2 * 3.14159265358979323846264338327950288L * (long double)i / (long double)n;
        cosine[i] = cosl(angle), sine[i] = -sinl(angle);
    }
}

TEST(fft, equals_the_sum_it_stands_for)
{
    for (size_t n = FFT_LEAST; n <= 1 << 12; n *= 2) {
        Fft *f = fft_new(n);
        fill(n, n), circle(n);
        fft_forward(f, x, bins, work);
        for (size_t k = 0; k <= n / 2; k += n > 1024 ? 7 : 1) {
            long double re = 0, im = 0;
            for (size_t j = 0; j < n; j++)
                re += x[j] * cosine[j * k % n], im += x[j] * sine[j * k % n];
            double off = hypot((double)(re - bins[2 * k]), (double)(im - bins[2 * k + 1]));
            CHECK(off <= fft_error(f, norm_of(x, n)));
            CHECK(off <= 4e-16 * sqrt((double)n) * norm_of(x, n));    /* and far better than its bound */
        }
        fft_free(f);
    }
}

TEST(fft, the_inverse_brings_every_length_back)
{
    for (size_t n = FFT_LEAST; n <= MOST; n *= 2) {
        Fft   *f = fft_new(n);
        double all = 0;
        fill(n + 1, n);
        fft_forward(f, x, bins, work);
        for (size_t k = 0; k <= n / 2; k++)
            all += (k == 0 || k == n / 2 ? 1 : 2) * (bins[2 * k] * bins[2 * k] + bins[2 * k + 1] * bins[2 * k + 1]);
        double norm = norm_of(x, n);
        CHECK(fabs(sqrt(all / (double)n) - norm) <= 1e-14 * norm);    /* Parseval */
        double error = fft_inverse_error(f, sqrt(all)) + fft_error(f, norm);
        fft_inverse(f, bins, back, work);
        for (size_t i = 0; i < n; i++)
            CHECK(fabs(back[i] - x[i]) <= error);
        CHECK(fft_size(f) == n);
        fft_free(f);
    }
}

TEST(fft, a_shift_in_time_turns_the_phase)
{
    enum { N = 1024, BY = 37 };
    Fft *f = fft_new(N);
    fill(5, N), circle(N);
    fft_forward(f, x, kept, work);
    for (size_t i = 0; i < N; i++)
        back[(i + BY) % N] = x[i];
    fft_forward(f, back, bins, work);
    for (size_t k = 0; k <= N / 2; k++) {
        double c = (double)cosine[k * BY % N], s = (double)sine[k * BY % N];
        CHECK(fabs(bins[2 * k] - (kept[2 * k] * c - kept[2 * k + 1] * s)) < 1e-13);
        CHECK(fabs(bins[2 * k + 1] - (kept[2 * k] * s + kept[2 * k + 1] * c)) < 1e-13);
    }
    fft_free(f);
}
