/* fft.h - the discrete Fourier transform of real sequences whose length is a power of two.
 *
 * A real sequence of n is transformed as a complex one of n/2 (even samples real, odd ones imaginary) by Stockham's
 * self-sorting scheme, radix 4 with one radix 2 pass where the length asks for it.  Twiddles come from long double
 * sines of the first octant, so each is right to the last place: that is what the error bound below rests on.
 *
 * Trusted: the caller's lengths.  A plan may be shared by threads once it is made. */
#ifndef FFT_H
#define FFT_H
#include "base/base.h"

enum { FFT_LEAST = 8, FFT_LOG_MOST = 26 };

typedef struct Fft Fft;
Fft   *fft_new(size_t n);                              /* owned: fft_free(); NULL out of memory; n a power of two,
                                                          FFT_LEAST .. 1 << FFT_LOG_MOST                        */
void   fft_free(Fft *f);                               /* NULL is fine */
size_t fft_size(const Fft *f);

/* bins[2k], bins[2k+1] = sum over j of x[j] e^(-2 pi i j k / n), k = 0 .. n/2: n + 2 doubles.  `work` holds n doubles. */
void fft_forward(const Fft *f, const double *x, double *bins, double *work);
/* The inverse, with its 1/n; the bins are destroyed. */
void fft_inverse(const Fft *f, double *bins, double *x, double *work);

/* A bound of the error of every bin, for an input of this Euclidean norm (Higham 2002, theorem 24.2, with a stage for
 * the step between real and complex).  Of the inverse: of every sample, for the norm of all n bins. */
double fft_error(const Fft *f, double norm);
double fft_inverse_error(const Fft *f, double norm);

#endif
