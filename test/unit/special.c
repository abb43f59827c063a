/* Expected values: 900-digit decimal arithmetic from the series of erf, and sums of binomial terms for whole a and
 * b; those of other arguments from SciPy 1.10 (special.ndtri, betainc, betaincinv, gammaincc). */
#include "../test.h"
#include "num/special.h"
#include <float.h>
#include <math.h>

static bool near(double got, double want, double relative) { return fabs(got - want) <= relative * fabs(want); }

static const char *row(double a, double b, double x)
{
    static char text[96];
    snprintf(text, sizeof text, "%.17g %.17g %.17g", a, b, x);
    return text;
}

TEST(special, the_normal_tail_is_right_to_its_last_digits)
{
    static const double rows[][2] = {
        { 0.1, 4.60172162722971012094e-01 },    { -1.5, 9.33192798731141914814e-01 }, { 1.25, 1.05649773666855253951e-01 },
        { 3, 1.34989803163009457719e-03 },      { 5.5, 1.89895624658877178746e-08 },  { 8, 6.22096057427178387436e-16 },
        { 13.7, 5.07621481159787915708e-43 },   { 20, 2.75362411860623373713e-89 },   { 30, 4.90671392714818717732e-198 },
        { 37.5, 4.60535300958195519145e-308 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        CHECK_ROW(near(normal_sf(rows[i][0]), rows[i][1], 8 * DBL_EPSILON), row(rows[i][0], normal_sf(rows[i][0]), rows[i][1]));
        CHECK(normal_cdf(-rows[i][0]) == normal_sf(rows[i][0]));
    }
    CHECK(normal_sf(40) == 0 && normal_sf(-40) == 1 && normal_sf(INFINITY) == 0 && normal_cdf(INFINITY) == 1);
    CHECK(isnan(normal_sf(NAN)));
}

TEST(special, scaled_erfc_neither_overflows_nor_loses_digits)
{
    static const double rows[][2] = {
        { -5, 1.44009798674661041260e+11 },   { -0.5, 1.95236048918255700180 },     { 0, 1 },
        { 0.3, 7.34599334567655137818e-01 },  { 1, 4.27583576155806999175e-01 },    { 2.5, 2.10806364061143586275e-01 },
        { 7, 7.98000543291529362833e-02 },    { 9.99, 5.61966407068588205687e-02 }, { 10, 5.61409927438225875296e-02 },
        { 12, 4.68542210148937612879e-02 },   { 25, 2.25495724326413606031e-02 },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(near(special_erfcx(rows[i][0]), rows[i][1], 12 * DBL_EPSILON),
                  row(rows[i][0], special_erfcx(rows[i][0]), rows[i][1]));
    CHECK(near(special_erfcx(1e200) * 1e200, 1 / sqrt(3.14159265358979323846), 4 * DBL_EPSILON));
}

TEST(special, the_quantile_inverts_the_normal_law)
{
    static const double rows[][2] = {
        { 1e-300, -37.0470962993612 },     { 1e-40, -13.31092137142517 },  { 1e-12, -7.034483825301131 },
        { 0.001, -3.090232306167813 },     { 0.3, -0.5244005127080409 },   { 0.5, 0 },
        { 0.9, 1.2815515655446004 },       { 0.999999, 4.753424308817087 },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(near(normal_quantile(rows[i][0]), rows[i][1], 4e-15), row(rows[i][0], normal_quantile(rows[i][0]), rows[i][1]));
    for (double p = 1e-290; p < 0.5; p *= 1.7)
        CHECK_ROW(near(normal_cdf(normal_quantile(p)), p, 1e-12), row(p, 0, 0));
    CHECK(normal_quantile(0) == -INFINITY && normal_quantile(1) == INFINITY);
    CHECK(isnan(normal_quantile(-1e-9)) && isnan(normal_quantile(NAN)) && isnan(normal_quantile(1.1)));
}

TEST(special, log_sum_exp_keeps_what_exp_would_lose)
{
    CHECK(near(log_sum_exp((double[]){ 1000, 1000, 1000, 1000 }, 4), 1000 + log(4), 1e-15));
    CHECK(near(log_sum_exp((double[]){ -5000, -5001, -INFINITY }, 3), -5000 + log1p(exp(-1)), 1e-15));
    CHECK(log_sum_exp((double[]){ -INFINITY, -INFINITY }, 2) == -INFINITY && log_sum_exp(NULL, 0) == -INFINITY);
    CHECK(log_sum_exp((double[]){ 3, INFINITY }, 2) == INFINITY);
}

TEST(special, incomplete_beta_equals_the_binomial_sum)
{
    static const double rows[][4] = {
        { 2, 3, .25, 2.61718750000000000000e-01 },      { 10, 10, .5, .5 },
        { 50, 200, .125, 4.76114602753524422153e-04 },  { 1, 7, .0625, 3.63499227911233901978e-01 },
        { 300, 4, .96875, 1.41078025550885836209e-02 }, { 2000, 3000, .375, 1.39469013638870796947e-04 },
        { 500, 500, .53125, 9.76027938724343013810e-01 },
        { .5, .5, .3, 0.3690101195655454 },             { 1e5, 1e5, .501, 0.814453255442443245 },
        { .01, .02, .5, 0.6667194610412724 },           { 1e-4, 5, .1, 0.9999409417818085 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        double a = rows[i][0], b = rows[i][1], got = beta_inc(a, b, rows[i][2]);
        CHECK_ROW(near(got, rows[i][3], i < 7 ? 1e-13 : 1e-12), row(a, got, rows[i][3]));
        CHECK_ROW(fabs(beta_inc(b, a, 1 - rows[i][2]) - (1 - rows[i][3])) < 1e-11, row(a, b, rows[i][2]));
    }
    CHECK(beta_inc(2, 3, 0) == 0 && beta_inc(2, 3, 1) == 1);
    CHECK(isnan(beta_inc(0, 1, .5)) && isnan(beta_inc(1, 1, -.1)) && isnan(beta_inc(1, NAN, .1)));
}

TEST(special, the_beta_quantile_inverts_it)
{
    static const double rows[][4] = {
        { .5, .5, .1, 0.0244717418524232 },           { 3, 500, .975, 0.014317109333019773 },
        { 2.5, 1.5, 1e-10, 7.523027113637953e-05 },   { 5001, 5000, .999, 0.5154970538864203 },
        { 1e-2, 3, .4, 3.6079090316299857e-41 },      { 1, 100, .95, 0.029513049607039998 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        double got = beta_quantile(rows[i][0], rows[i][1], rows[i][2]);
        CHECK_ROW(near(got, rows[i][3], 1e-12), row(rows[i][0], got, rows[i][3]));
    }
    CHECK(beta_quantile(3, 4, 0) == 0 && beta_quantile(3, 4, 1) == 1 && isnan(beta_quantile(3, 4, 1.5)));
    for (double p = 1e-6; p < 1; p += 0.0371)
        for (double a = 0.5; a < 3000; a *= 3.3)
            CHECK_ROW(fabs(beta_inc(a, 700 / a, beta_quantile(a, 700 / a, p)) - p) < 1e-9, row(a, 700 / a, p));
}

TEST(special, the_chi_square_tail_equals_the_poisson_sum)
{
    static const double rows[][3] = {
        { 1, 2.5, 8.20849986238987999743e-02 },    { 5, 1, 9.96340153172656339819e-01 },
        { 5, 30, 3.62430095206148823011e-09 },     { 100, 90, 8.41779010813569872340e-01 },
        { 100, 160, 1.44202245053527372081e-07 },  { 3, 200, 2.79560937366088357255e-83 },
        { .5, 3.84145882069412 / 2, 0.05 },        { 4.5, 10, 0.017912404529843298 },
        { 1e5, 1.004e5, 0.10306438125300639 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        double got = gamma_q(rows[i][0], rows[i][1]);
        CHECK_ROW(near(got, rows[i][2], 1e-12), row(rows[i][0], got, rows[i][2]));
    }
    CHECK(gamma_q(2, 0) == 1 && gamma_q(2, INFINITY) == 0 && isnan(gamma_q(0, 1)) && isnan(gamma_q(1, -1)));
}
