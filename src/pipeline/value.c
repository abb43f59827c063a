/* value.c - the types a key can have: one row each, and the small readers they name.  See key.h. */
#include "pipeline/key.h"
#include "base/clock.h"
#include <ctype.h>

static bool is_in(char c, const char *set) { return c != '\0' && strchr(set, c) != NULL; }

bool is_part_name(Str s)
{
    if (s.n == 0 || s.n > 64)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && !is_in(s.p[i], "._-"))
            return false;
    return true;
}

static bool keep(Str text, void *field)
{
    if (field != NULL)
        *(Str *)field = text;
    return true;
}

/* No control characters: the text ends up on terminals, in logs and in files we generate. */
static bool read_text(Str s, void *field)
{
    if (s.n > 0 && s.p[s.n - 1] == '\n')               /* what YAML's > and | leave behind */
        s.n--;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
            return false;
    return s.n > 0 && keep(s, field);
}

static bool read_bool(Str s, void *field)
{
    bool yes = str_is(s, "true");
    if (!yes && !str_is(s, "false"))
        return false;
    if (field != NULL)
        *(bool *)field = yes;
    return true;
}

static bool read_uint(Str s, void *field)
{
    uint64_t v;
    if (!str_u64(s, &v))
        return false;
    if (field != NULL)
        *(uint64_t *)field = v;
    return true;
}

static bool read_int(Str s, void *field)
{
    uint64_t v;
    bool     minus = str_starts(s, S("-"));
    if (!str_u64(str_from(s, minus), &v) || v > INT64_MAX)
        return false;
    if (field != NULL)
        *(int64_t *)field = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static bool read_real(Str s, void *field)
{
    double v;
    if (!number_f64(s, &v) || !(v - v == 0))
        return false;
    if (field != NULL)
        *(double *)field = v;
    return true;
}

static bool read_size(Str s, void *field)
{
    uint64_t v;
    if (!str_size(s, &v))
        return false;
    if (field != NULL)
        *(uint64_t *)field = v;
    return true;
}

/* Letters, digits, '.', '-' and '_' make a host name or an IPv4 address; [..] holds an IPv6 one. */
static bool is_host(Str h)
{
    bool        six = h.n > 2 && h.p[0] == '[' && h.p[h.n - 1] == ']';
    const char *also = six ? ":." : ".-_";
    if (six)
        h = (Str){ h.p + 1, h.n - 2 };
    if (h.n == 0 || h.n > 253)
        return false;
    for (size_t i = 0; i < h.n; i++)
        if (!(six ? isxdigit((unsigned char)h.p[i]) : isalnum((unsigned char)h.p[i])) && !is_in(h.p[i], also))
            return false;
    return true;
}

static bool is_address(Str s)
{
    uint64_t    port;
    const char *colon = memrchr(s.p, ':', s.n);
    if (colon == NULL)
        return false;
    size_t at = (size_t)(colon - s.p);
    return is_host((Str){ s.p, at }) && str_u64(str_from(s, at + 1), &port) && port >= 1 && port <= 65535;
}

static bool read_address(Str s, void *field) { return s.n > 0 && is_address(s) && keep(s, field); }

/* No path: the route is the endpoint's own. */
static bool read_url(Str s, void *field)
{
    Str rest = str_starts(s, S("http://")) ? str_from(s, 7) : str_starts(s, S("https://")) ? str_from(s, 8) : S("");
    if (rest.n > 1 && rest.p[rest.n - 1] == '/')
        rest.n--, s.n--;
    return rest.n > 0 && (is_address(rest) || is_host(rest)) && keep(s, field);
}

/* As the gateway compares it: already normal, so that no two spellings lead to one route. */
static bool read_route(Str s, void *field)
{
    if (s.n == 0 || s.n > 1024 || s.p[0] != '/')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 127 || is_in(s.p[i], "?#%\\\"'{};$"))
            return false;
    for (Str rest = str_from(s, 1), piece; rest.n > 0;) {
        bool more = str_cut(rest, '/', &piece, &rest);
        if ((piece.n == 0 && more) || str_is(piece, ".") || str_is(piece, ".."))
            return false;
    }
    return keep(s, field);
}

static bool read_digest(Str s, void *field)
{
    for (size_t i = 0; i < s.n; i++)
        if (!isxdigit((unsigned char)s.p[i]))
            return false;
    return s.n == 64 && keep(s, field);
}

static bool read_date(Str s, void *field)
{
    int64_t ns;
    return time_parse(s, &ns) && keep(s, field);
}

static bool read_duration(Str s, void *field)
{
    int64_t ns;
    return duration_parse(s, &ns) && ns > 0 && keep(s, field);
}

/* "30r/m" fills rate_num and, right behind it, rate_ns. */
static bool read_rate(Str s, void *field)
{
    static const struct { const char *unit; uint64_t ns; } units[] = {
        { "r/s", 1000000000 }, { "r/m", 60000000000 }, { "r/h", 3600000000000 }, { "r/d", 86400000000000 },
    };
    static_assert(offsetof(Limit, rate_ns) == offsetof(Limit, rate_num) + sizeof(uint64_t), "side by side");
    uint64_t n;
    for (size_t i = 0; i < len_of(units); i++) {
        if (s.n <= 3 || !str_ends(s, str(units[i].unit)))
            continue;
        if (!str_u64((Str){ s.p, s.n - 3 }, &n) || n == 0 || n > 1000000000)
            return false;
        if (field != NULL)
            ((uint64_t *)field)[0] = n, ((uint64_t *)field)[1] = units[i].ns;
        return true;
    }
    return false;
}

#define T(type) (1u << JSON_##type)
static const RowKind kinds[] = {
    [KEY_TEXT]     = { "text", "a line of text", T(STRING) | T(NUMBER), read_text, "{\"type\":[\"string\",\"number\"]}" },
    [KEY_PATH]     = { "path", "a path", T(STRING), read_text, "{\"type\":\"string\",\"minLength\":1}" },
    [KEY_REF]      = { "name", "the name of a part", T(STRING) | T(NUMBER), read_text, "{\"type\":[\"string\",\"number\"]}" },
    [KEY_LIST]     = { "list", "a list", T(STRING) | T(NUMBER), read_text,
                       "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"number\"]}}" },
    [KEY_BOOL]     = { "boolean", "true or false", T(TRUE) | T(FALSE), read_bool, "{\"type\":\"boolean\"}" },
    [KEY_UINT]     = { "count", "a whole number from 0", T(NUMBER), read_uint, "{\"type\":\"integer\",\"minimum\":0}" },
    [KEY_INT]      = { "integer", "a whole number", T(NUMBER), read_int, "{\"type\":\"integer\"}" },
    [KEY_REAL]     = { "number", "a number", T(NUMBER), read_real, "{\"type\":\"number\"}" },
    [KEY_SIZE]     = { "size", "a size like 64KiB", T(STRING) | T(NUMBER), read_size,
                       "{\"type\":[\"string\",\"integer\"],\"pattern\":\"^[0-9]+ ?([kMGT]i?B?|Ki?B?|B)?$\"}" },
    [KEY_LIMITS]   = { "list of limits", "a list of limits like {per: key, rate: 1r/s}", T(ARRAY), NULL, NULL },
    [KEY_CHOICE]   = { "choice", "one of its choices", T(STRING), read_text, NULL },
    [KEY_OPEN]     = { "anything", "a value", ~0u, NULL, "true" },
    [KEY_ADDRESS]  = { "address", "an address like 127.0.0.1:8080", T(STRING), read_address,
                       "{\"type\":\"string\",\"pattern\":\"^([A-Za-z0-9._-]+|\\\\[[0-9A-Fa-f:.]+\\\\]):[0-9]{1,5}$\"}" },
    [KEY_URL]      = { "URL", "an address like http://127.0.0.1:8501", T(STRING), read_url,
                       "{\"type\":\"string\",\"pattern\":\"^https?://[^/@]+/?$\"}" },
    [KEY_ROUTE]    = { "route", "a path like /v1/predict, without . .. // ? or %", T(STRING), read_route,
                       "{\"type\":\"string\",\"pattern\":\"^/\"}" },
    [KEY_DIGEST]   = { "digest", "64 hex digits", T(STRING) | T(NUMBER), read_digest,
                       "{\"type\":\"string\",\"pattern\":\"^[0-9A-Fa-f]{64}$\"}" },
    [KEY_DATE]     = { "date", "a date like 2026-12-31", T(STRING), read_date,
                       "{\"type\":\"string\",\"pattern\":\"^[0-9]{4}-[0-9]{2}-[0-9]{2}\"}" },
    [KEY_DURATION] = { "duration", "a duration like 15m, 24h or 30d", T(STRING), read_duration,
                       "{\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|m|h|d|w)$\"}" },
    [KEY_RATE]     = { "rate", "a rate like 1r/s or 30r/m", T(STRING), read_rate,
                       "{\"type\":\"string\",\"pattern\":\"^[1-9][0-9]*r/[smhd]$\"}" },
    [KEY_GROUP]    = { "mapping", "a mapping of keys", T(OBJECT) | T(NULL), NULL, NULL },
    [KEY_PARTS]    = { "mapping", "a mapping of names to parts", T(OBJECT) | T(NULL), NULL, NULL },
};

const RowKind *row_kind(KeyType t) { return &kinds[t]; }

bool choice_has(const char *choices, Str text)
{
    Str piece, rest = str(choices);
    for (bool more = true; more;) {
        more = str_cut(rest, '|', &piece, &rest);
        if (str_eq(piece, text))
            return true;
    }
    return false;
}

bool row_read(const KeyRow *row, Str text, void *base)
{
    void *field = base == NULL || row->offset == NO_FIELD ? NULL : (char *)base + row->offset;
    if (row->type == KEY_CHOICE && !choice_has(row->choices, text))
        return false;
    return kinds[row->type].read(text, field);
}

const char *json_type_name(JsonType t)
{
    switch (t) {
    case JSON_NULL:   return "nothing";
    case JSON_FALSE:
    case JSON_TRUE:   return "true or false";
    case JSON_NUMBER: return "a number";
    case JSON_STRING: return "text";
    case JSON_ARRAY:  return "a list";
    case JSON_OBJECT: return "a mapping";
    }
    return "a value";
}
