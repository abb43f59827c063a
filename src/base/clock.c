/* clock.c - see clock.h. */
#include "base/clock.h"
#include <time.h>

static int64_t read_system(void *ctx)
{
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t read_fixed(void *ctx) { return *(int64_t *)ctx; }

Clock   clock_system(void) { return (Clock){ read_system, NULL }; }
Clock   clock_fixed(int64_t *ns) { return (Clock){ read_fixed, ns }; }
int64_t clock_ns(Clock c) { return c.read(c.ctx); }

void time_text(int64_t ns, char out[static TIME_TEXT])
{
    int64_t   ms = ns / 1000000 - (ns % 1000000 < 0);
    time_t    sec = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm t;
    char      day[TIME_TEXT - 6] = "";
    gmtime_r(&sec, &t);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(out, TIME_TEXT, "%s.%03dZ", day, (int)(ms - (int64_t)sec * 1000));
}

/* Two or four digits at the head of *s, and the separator behind them when there should be one. */
static bool field(Str *s, size_t width, char sep, int lo, int hi, int *out)
{
    uint64_t v;
    if (s->n < width || !str_u64((Str){ s->p, width }, &v) || v < (uint64_t)lo || v > (uint64_t)hi)
        return false;
    *out = (int)v, *s = str_from(*s, width);
    if (sep == 0)
        return true;
    if (s->n == 0 || (s->p[0] | 0x20) != (sep | 0x20))
        return false;
    *s = str_from(*s, 1);
    return true;
}

static int64_t fraction_ns(Str *s)
{
    int64_t ns = 0, unit = 100000000;
    if (s->n == 0 || s->p[0] != '.')
        return 0;
    for (*s = str_from(*s, 1); s->n && s->p[0] >= '0' && s->p[0] <= '9'; *s = str_from(*s, 1), unit /= 10)
        ns += (s->p[0] - '0') * unit;
    return ns;
}

static bool offset_seconds(Str s, int *out)
{
    int  h, m;
    char sign = s.n ? s.p[0] : 0;
    *out = 0;
    if (s.n == 1 && (sign == 'Z' || sign == 'z'))
        return true;
    if (sign != '+' && sign != '-')
        return false;
    s = str_from(s, 1);
    if (!field(&s, 2, ':', 0, 23, &h) || !field(&s, 2, 0, 0, 59, &m) || s.n != 0)
        return false;
    *out = (sign == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

bool time_parse(Str s, int64_t *ns)
{
    struct tm t = { 0 };
    int       year, month, zone = 0;
    int64_t   frac = 0;
    bool      timed = s.n > 10;
    if (!field(&s, 4, '-', 1970, 2261, &year) || !field(&s, 2, '-', 1, 12, &month) ||
        !field(&s, 2, timed ? 'T' : 0, 1, 31, &t.tm_mday) || (!timed && s.n > 0))
        return false;
    if (timed) {
        if (!field(&s, 2, ':', 0, 23, &t.tm_hour) || !field(&s, 2, ':', 0, 59, &t.tm_min) ||
            !field(&s, 2, 0, 0, 60, &t.tm_sec))
            return false;
        frac = fraction_ns(&s);
        if (!offset_seconds(s, &zone))
            return false;
    }
    t.tm_year = year - 1900, t.tm_mon = month - 1;
    int day = t.tm_mday;
    *ns = ((int64_t)timegm(&t) - zone) * 1000000000 + frac;
    return t.tm_mday == day || t.tm_sec == 60;         /* timegm mends 31 April; we do not */
}

bool duration_parse(Str s, int64_t *ns)
{
    static const struct {
        const char *suffix;
        int64_t     unit;
    } rows[] = {
        { "ms", 1000000 },        { "s", 1000000000 },        { "m", 60 * 1000000000LL },
        { "h", 3600 * 1000000000LL }, { "d", 86400 * 1000000000LL }, { "w", 604800 * 1000000000LL },
    };
    uint64_t v;
    for (size_t i = 0; i < len_of(rows); i++)
        if (str_ends(s, str(rows[i].suffix)) && str_u64((Str){ s.p, s.n - strlen(rows[i].suffix) }, &v))
            return v <= INT64_MAX && !__builtin_mul_overflow((int64_t)v, rows[i].unit, ns);
    return false;
}
