/* fft.c - see fft.h. */
#include "num/fft.h"
#include <math.h>

typedef struct Complex {
    double re, im;
} Complex;

struct Fft {
    size_t  n, half;
    Complex twiddle[];                                 /* e^(-2 pi i k / n), k = 0 .. n-1 */
};

static const double stage_error = 7.3e-16;             /* u + 4u(sqrt 2 + u), u = 2^-53 */

enum { FINE = 256 };

typedef struct LongComplex {
    long double re, im;
} LongComplex;

static LongComplex root_of_unity(size_t k, size_t n)
{
    long double angle = 2 * 3.14159265358979323846264338327950288L * (long double)k / (long double)n;
    return (LongComplex){ cosl(angle), -sinl(angle) };
}

/* e^(-2 pi i k / n) for k <= n/8: a product of two roots in long double, rounded once. */
static void first_octant(Complex *w, size_t n)
{
    LongComplex fine[FINE];
    for (size_t k = 0; k < FINE; k++)
        fine[k] = root_of_unity(k, n);
    for (size_t from = 0; from <= n / 8; from += FINE) {
        LongComplex c = root_of_unity(from, n);
        for (size_t k = 0; k < FINE && from + k <= n / 8; k++)
            w[from + k] = (Complex){ (double)(c.re * fine[k].re - c.im * fine[k].im),
                                     (double)(c.re * fine[k].im + c.im * fine[k].re) };
    }
}

/* The rest of the circle by symmetry: the axes are exact, and opposite twiddles cancel to the bit. */
static Complex twiddle_at(const Complex *octant, size_t k, size_t n)
{
    size_t quarter = n / 4, turn = k / quarter, r = k % quarter;
    Complex w = r <= n / 8 ? octant[r] : (Complex){ -octant[quarter - r].im, -octant[quarter - r].re };
    for (; turn > 0; turn--)
        w = (Complex){ w.im, -w.re };                  /* a quarter turn: times -i */
    return w;
}

Fft *fft_new(size_t n)
{
    assert(n >= FFT_LEAST && n <= (size_t)1 << FFT_LOG_MOST && (n & (n - 1)) == 0);
    Fft *f = malloc(sizeof *f + n * sizeof(Complex));
    if (f == NULL)
        return NULL;
    f->n = n, f->half = n / 2;
    first_octant(f->twiddle, n);
    for (size_t k = n / 8 + 1; k < n; k++)
        f->twiddle[k] = twiddle_at(f->twiddle, k, n);
    return f;
}

void   fft_free(Fft *f) { free(f); }
size_t fft_size(const Fft *f) { return f->n; }

static inline Complex add(Complex a, Complex b) { return (Complex){ a.re + b.re, a.im + b.im }; }
static inline Complex sub(Complex a, Complex b) { return (Complex){ a.re - b.re, a.im - b.im }; }
static inline Complex mul(Complex a, Complex b) { return (Complex){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re }; }
static inline Complex turned(Complex a) { return (Complex){ -a.im, a.re }; }       /* times i */
static inline Complex conj_of(Complex a) { return (Complex){ a.re, -a.im }; }

/* One pass: `n` points of `s` interleaved transforms each become four times n/4 points. */
static void pass4(const Complex *w, size_t step, size_t n, size_t s, const Complex *x, Complex *y)
{
    size_t quarter = n / 4 * s;
    for (size_t p = 0; p < n / 4; p++) {
        Complex        w1 = w[p * step], w2 = w[2 * p * step], w3 = w[3 * p * step];
        const Complex *a = x + p * s, *b = a + quarter, *c = b + quarter, *d = c + quarter;
        Complex       *to = y + 4 * p * s;
        for (size_t q = 0; q < s; q++) {
            Complex even = add(a[q], c[q]), odd = sub(a[q], c[q]), sum = add(b[q], d[q]), turn = turned(sub(b[q], d[q]));
            to[q] = add(even, sum);
            to[q + s] = mul(w1, sub(odd, turn));
            to[q + 2 * s] = mul(w2, sub(even, sum));
            to[q + 3 * s] = mul(w3, add(odd, turn));
        }
    }
}

static void pass2(size_t s, const Complex *x, Complex *y)
{
    for (size_t q = 0; q < s; q++) {
        Complex a = x[q], b = x[q + s];
        y[q] = add(a, b), y[q + s] = sub(a, b);
    }
}

/* The transform of length half; the result lies in `a` or in `b`. */
static Complex *transform(const Fft *f, Complex *a, Complex *b)
{
    size_t n = f->half, s = 1;
    for (; n >= 4; n /= 4, s *= 4) {
        pass4(f->twiddle, f->n / n, n, s, a, b);
        Complex *t = a;
        a = b, b = t;
    }
    if (n == 2)
        pass2(s, a, b), a = b;
    return a;
}

void fft_forward(const Fft *f, const double *x, double *bins, double *work)
{
    size_t   m = f->half;
    Complex *out = (Complex *)bins, *z;
    memcpy(work, x, f->n * sizeof *x);
    z = transform(f, (Complex *)work, out);
    if (z == out)
        memcpy(work, z, m * sizeof *z), z = (Complex *)work;
    out[0] = (Complex){ z[0].re + z[0].im, 0 };
    out[m] = (Complex){ z[0].re - z[0].im, 0 };
    for (size_t k = 1; k < m; k++) {
        Complex even = add(z[k], conj_of(z[m - k])), odd = sub(z[k], conj_of(z[m - k]));
        Complex v = sub(even, turned(mul(f->twiddle[k], odd)));
        out[k] = (Complex){ v.re / 2, v.im / 2 };
    }
}

/* The conjugate of the forward transform of conjugates. */
void fft_inverse(const Fft *f, double *bins, double *x, double *work)
{
    size_t   m = f->half;
    Complex *in = (Complex *)bins, *z = (Complex *)work;
    for (size_t k = 0; k < m; k++) {
        Complex even = add(in[k], conj_of(in[m - k])), odd = sub(in[k], conj_of(in[m - k]));
        z[k] = conj_of(add(even, turned(mul(conj_of(f->twiddle[k]), odd))));
    }
    z = transform(f, z, in);
    for (size_t k = 0; k < m; k++)
        x[2 * k] = z[k].re / (double)f->n, x[2 * k + 1] = -z[k].im / (double)f->n;
}

static double stages(const Fft *f)
{
    double n = 1;
    for (size_t v = f->n; v > 1; v /= 2)
        n++;
    return n;
}

double fft_error(const Fft *f, double norm) { return stage_error * stages(f) * sqrt((double)f->n) * norm; }

double fft_inverse_error(const Fft *f, double norm) { return stage_error * stages(f) / sqrt((double)f->n) * norm; }
