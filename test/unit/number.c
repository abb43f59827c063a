/* Decimal text to float and back: other people's vectors first, then the C library as the judge. */
#include "../test.h"
#include "base/rng.h"
#include "format/json.h"
#include <float.h>
#include <math.h>

static uint64_t bits64(double v)
{
    uint64_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}

static uint32_t bits32(float v)
{
    uint32_t b;
    memcpy(&b, &v, sizeof b);
    return b;
}

static double from64(uint64_t b)
{
    double v;
    memcpy(&v, &b, sizeof v);
    return v;
}

TEST(number, equals_the_vectors_to_the_last_bit)
{
    const char *path = test_vectors("data/csv/numbers.csv");
    if (path == NULL)
        return;
    FILE *f = fopen(path, "re");
    char  line[4096];
    int   rows = 0;
    CHECK(f != NULL && fgets(line, sizeof line, f));
    for (; fgets(line, sizeof line, f); rows++) {
        char *hex64 = strchr(line, ','), *hex32 = strrchr(line, ',');
        Str   literal = { line, (size_t)(hex64 - line) };
        double d;
        float  s;
        CHECK_ROW(number_f64(literal, &d) && bits64(d) == strtoull(hex64 + 1, NULL, 16), line);
        CHECK_ROW(number_f32(literal, &s) && bits32(s) == strtoul(hex32 + 1, NULL, 16), line);
    }
    fclose(f);
    CHECK(rows == 3808);
}

TEST(number, takes_the_documented_literals_and_nothing_else)
{
    static const struct { const char *in; int ok; } rows[] = {
        { "0", 1 }, { "-0", 1 }, { "+1", 1 }, { ".5", 1 }, { "5.", 1 }, { "-.5e+2", 1 }, { "5.E-2", 1 }, { "1e5", 1 },
        { "007", 1 }, { "", 0 }, { ".", 0 }, { "-", 0 }, { "+", 0 }, { "-.", 0 }, { "e5", 0 }, { ".e5", 0 }, { "1e", 0 },
        { "1e+", 0 }, { "1e5.", 0 }, { "1 ", 0 }, { " 1", 0 }, { "1,5", 0 }, { "1.2.3", 0 }, { "--1", 0 }, { "+-1", 0 },
        { "0x10", 0 }, { "inf", 0 }, { "nan", 0 }, { "1_000", 0 }, { "1e5e5", 0 }, { "1d5", 0 }, { "1f", 0 },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        double d;
        float  s;
        CHECK_ROW(number_f64(str(rows[i].in), &d) == rows[i].ok, rows[i].in);
        CHECK_ROW(number_f32(str(rows[i].in), &s) == rows[i].ok, rows[i].in);
    }
    CHECK(!number_f64((Str){ "1\0", 2 }, &(double){ 0 }));
}

TEST(number, reads_no_byte_past_the_slice)
{
    char  *tight = malloc(3);
    double d;
    memcpy(tight, "1e5", 3);
    CHECK(number_f64((Str){ tight, 3 }, &d) && d == 1e5);
    CHECK(number_f64((Str){ tight, 1 }, &d) && d == 1);
    CHECK(!number_f64((Str){ tight, 2 }, &d));
    free(tight);
}

TEST(number, looks_past_a_literal_inside_a_text_and_does_not_read_it)
{
    static const char text[] = "1234567890.12345678e12345";
    for (size_t at = 0; at < sizeof text; at++)
        for (size_t n = 0; n < sizeof text - at; n++) {
            char   alone[40];
            double a = 0, b = 0;
            float  s = 0, t = 0;
            memcpy(alone, text + at, n), alone[n] = '\0';
            bool ok = number_f64(str(alone), &a) && number_f32(str(alone), &s);
            CHECK_ROW(ok == number_f64_in((Str){ text + at, n }, text + sizeof text - 1, &b) && bits64(a) == bits64(b), alone);
            CHECK_ROW(ok == number_f32_in((Str){ text + at, n }, text + sizeof text - 1, &t) && bits32(s) == bits32(t), alone);
        }
}

/* ---- against strtod and strtof */

static void check_like_libc(const char *text)
{
    double d;
    float  s;
    CHECK_ROW(number_f64(str(text), &d) && bits64(d) == bits64(strtod(text, NULL)), text);
    CHECK_ROW(number_f32(str(text), &s) && bits32(s) == bits32(strtof(text, NULL)), text);
}

static void random_digits(Rng *r, char *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)('0' + rng_below(r, 10));
    to[n] = '\0';
}

/* Five kinds: short decimals, long ones, printed doubles, and the exact half-way points of doubles and floats. */
static void random_literal(Rng *r, char *to, size_t cap)
{
    char digits[64], rest[64];
    switch (rng_below(r, 5)) {
    case 0:
        random_digits(r, digits, 1 + rng_below(r, 9)), random_digits(r, rest, rng_below(r, 9));
        snprintf(to, cap, "%s%s.%s", rng_below(r, 2) ? "-" : "", digits, rest);
        return;
    case 1:
        random_digits(r, digits, 1 + rng_below(r, 40)), random_digits(r, rest, rng_below(r, 40));
        snprintf(to, cap, "%s.%se%d", digits, rest, (int)rng_below(r, 700) - 360);
        return;
    case 2: {
        double v = from64(rng_u64(r) & ~((uint64_t)1 << 62 >> rng_below(r, 12)));
        snprintf(to, cap, "%.*g", (int)rng_below(r, 20) + 1, isfinite(v) ? v : 1.5);
        return;
    }
    case 3: {
        long double v = from64(rng_u64(r) >> 1 & ~((uint64_t)1 << 62 >> rng_below(r, 3))), up = isfinite((double)v) ? nextafter((double)v, INFINITY) : 2;
        snprintf(to, cap, "%.*Lg", (int)rng_below(r, 3) * 400 + 20, isfinite((double)v) ? v / 2 + up / 2 : 1.5L);
        return;
    }
    default: {
        uint32_t word = (uint32_t)rng_u64(r) & 0x7F7FFFFF;
        float    v;
        memcpy(&v, &word, sizeof v);
        snprintf(to, cap, "%.*g", (int)rng_below(r, 3) * 60 + 9, v / 2.0 + nextafterf(v, INFINITY) / 2.0);
    }
    }
}

/* MOAT_NUMBERS=10000000 build/release/unit number: the long run. */
TEST(number, agrees_with_the_c_library_on_random_literals)
{
    const char *want = getenv("MOAT_NUMBERS");
    long        count = want ? atol(want) : 100000;
    Rng         r = rng_of(1);
    for (long i = 0; i < count; i++) {
        char text[1600];
        random_literal(&r, text, sizeof text);
        check_like_libc(text);
    }
}

TEST(number, agrees_with_the_c_library_where_every_digit_counts)
{
    static char text[5000];
    for (int zeros = 0; zeros < 4000; zeros += 37) {  /* 2^-1 + 2^-54 is a tie; one digit far behind breaks it */
        int n = sprintf(text, "0.500000000000000055511151231257827021181583404541015625");
        memset(text + n, '0', (size_t)zeros);
        strcpy(text + n + zeros, zeros % 2 ? "1" : "0");
        check_like_libc(text);
    }
    for (int e = -400; e < 400; e++) {
        static const char *const heads[] = { "1", "9", "17976931348623157081452742373170435679807056752584499659891747680",
                                             "340282356779733661637539395458142568448", "24703282292062327208", "0.7006492321624085354" };
        for (size_t h = 0; h < len_of(heads); h++) {
            snprintf(text, sizeof text, "%se%d", heads[h], e);
            check_like_libc(text);
        }
    }
}

TEST(number, survives_absurd_exponents_and_lengths)
{
    static char text[20100];
    double      d;
    CHECK(number_f64(S("1e999999999999999999999999"), &d) && isinf(d) && d > 0);
    CHECK(number_f64(S("-1e999999999999999999999999"), &d) && isinf(d) && d < 0);
    CHECK(number_f64(S("1e-999999999999999999999999"), &d) && d == 0);
    CHECK(number_f64(S("0e999999999999999999999999"), &d) && d == 0);
    memset(text, '0', 20000);
    strcpy(text + 20000, "1e-20000");
    CHECK(number_f64(str(text), &d) && d == strtod(text, NULL));
    memcpy(text, "0.", 2), strcpy(text + 20000, "12345678901234567890123e20000");
    CHECK(number_f64(str(text), &d) && d == strtod(text, NULL));
    memset(text, '9', 20000), strcpy(text + 20000, "e-19990");
    CHECK(number_f64(str(text), &d) && d == 1e10);
}

/* ---- number_text */

TEST(number, writes_the_shortest_text_in_our_notation)
{
    static const struct { double v; const char *want; } rows[] = {
        { 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -1.5, "-1.5" }, { 100, "100" }, { 0.1, "0.1" }, { 0.1 + 0.2, "0.30000000000000004" },
        { 1e15, "1000000000000000" }, { 1e16, "10000000000000000" }, { 1e17, "1e17" }, { 1.25e17, "1.25e17" }, { 1e23, "1e23" },
        { 0.00001, "0.00001" }, { 0.000001, "1e-6" }, { 1.5e-6, "1.5e-6" }, { 123456.789, "123456.789" }, { 5e-324, "5e-324" },
        { DBL_MIN, "2.2250738585072014e-308" }, { DBL_MAX, "1.7976931348623157e308" }, { 9007199254740993.0, "9007199254740992" },
        { 0x1p-44, "5.684341886080802e-14" }, { 2.0 / 3, "0.6666666666666666" }, { 123e15, "1.23e17" }, { 0.5, "0.5" },
        { 4503599627370495.5, "4503599627370495.5" }, { 1e-5 / 3, "3.3333333333333337e-6" }, { 9.5367431640625e-7, "9.5367431640625e-7" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        char text[NUMBER_TEXT];
        CHECK_ROW(number_text(rows[i].v, text) == strlen(text), rows[i].want);
        CHECK_STR(text, rows[i].want);
    }
}

static int digits_in(const char *text)
{
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (n == 0 && *text == '0'))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0, n++;
    }
    return n - zeros;
}

/* Any decimal of n digits that reads as v is the nearest one above or below v. */
static bool some_decimal_reads_as(double v, int n)
{
    char text[64], *e;
    snprintf(text, sizeof text, "%.*e", n - 1, v);
    for (int step = -1; step <= 1; step++) {
        char   near[80], digits[32] = { 0 };
        size_t k = 0;
        e = strchr(text, 'e');
        for (char *p = text; p < e; p++)
            if (*p >= '0' && *p <= '9')
                digits[k++] = *p;
        snprintf(near, sizeof near, "%llde%d", strtoll(digits, NULL, 10) + step, atoi(e + 1) - (n - 1));
        if (strtod(near, NULL) == v)
            return true;
    }
    return false;
}

TEST(number, reads_back_what_it_writes_and_nothing_shorter_would_do)
{
    const char *want = getenv("MOAT_NUMBERS");
    long        count = want ? atol(want) / 10 : 30000;
    Rng         r = rng_of(2);
    for (long i = 0; i < count; i++) {
        double v = from64(i % 3 == 0 ? rng_u64(&r) & 0x7FF0000000000000 : rng_u64(&r) >> 1);
        char   text[NUMBER_TEXT];
        double back;
        if (i % 5 == 0)
            v = (double)rng_below(&r, 1000000000) / 1000;
        if (!isfinite(v) || v == 0)
            continue;
        CHECK(number_text(v, text) < NUMBER_TEXT);
        CHECK_ROW(number_f64(str(text), &back) && bits64(back) == bits64(v) && strtod(text, NULL) == v, text);
        CHECK_ROW(digits_in(text) == 1 || !some_decimal_reads_as(v, digits_in(text) - 1), text);
    }
}

/* Floats are few enough for the C library to be the judge: the least precision of %g that reads back, and the nearest there. */
TEST(number, writes_floats_with_the_digits_that_a_float_needs)
{
    const char *want = getenv("MOAT_NUMBERS");
    long        count = want ? atol(want) : 300000;
    Rng         r = rng_of(3);
    for (long i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(i % 7 == 0 ? rng_u64(&r) & 0x7F800000 : rng_u64(&r) >> 33);
        float    v;
        char     text[NUMBER_TEXT], shorter[64];
        memcpy(&v, &bits, sizeof v);
        if (i % 5 == 0)
            v = (float)rng_unit(&r);
        if (!isfinite(v) || v == 0)
            continue;
        CHECK(number_text_f32(v, text) < NUMBER_TEXT);
        CHECK_ROW(strtof(text, NULL) == v, text);
        int digits = digits_in(text);
        snprintf(shorter, sizeof shorter, "%.*e", digits > 1 ? digits - 2 : 0, (double)v);
        CHECK_ROW(digits == 1 || strtof(shorter, NULL) != v, text);
        snprintf(shorter, sizeof shorter, "%.*e", digits - 1, (double)v);
        CHECK_ROW(strtof(shorter, NULL) != v || strtod(shorter, NULL) == strtod(text, NULL), text);
    }
    char text[NUMBER_TEXT];
    CHECK(number_text_f32(0.1f, text) == 3), CHECK_STR(text, "0.1");
    CHECK(number_text_f32(-3.4028235e38f, text) == 13), CHECK_STR(text, "-3.4028235e38");
    number_text_f32(1e-45f, text), CHECK_STR(text, "1e-45");
    number_text_f32(0, text), CHECK_STR(text, "0");
}
