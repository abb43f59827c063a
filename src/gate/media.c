/* media.c - see media.h. */
#include "gate/media.h"

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static bool same_word(Str a, Str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

static bool charset_fits(Str parameters)
{
    while (parameters.n > 0) {
        Str one, name, value;
        str_cut(parameters, ';', &one, &parameters);
        if (!str_cut(one, '=', &name, &value) || !same_word(str_trim(name), S("charset")))
            continue;
        value = str_trim(value);
        if (!same_word(value, S("utf-8")) && !same_word(value, S("\"utf-8\"")))
            return false;
    }
    return true;
}

static Str media_type(Str content_type, Str *parameters)
{
    Str type;
    *parameters = (Str){ 0 };
    str_cut(content_type, ';', &type, parameters);
    return str_trim(type);
}

bool media_listed(Str content_type, const StrList *list)
{
    Str parameters, type = media_type(content_type, &parameters);
    for (size_t i = 0; i < list->n; i++)
        if (same_word(type, list->v[i]))
            return charset_fits(parameters);
    return false;
}

bool media_is_json(Str content_type)
{
    Str parameters, type = media_type(content_type, &parameters);
    bool json = same_word(type, S("application/json")) ||
                (type.n > 5 && memchr(type.p, '/', type.n) != NULL && same_word(str_from(type, type.n - 5), S("+json")));
    return json && charset_fits(parameters);
}

bool encoding_is_identity(Str content_encoding)
{
    Str v = str_trim(content_encoding);
    return v.n == 0 || same_word(v, S("identity"));
}

static bool segment_is_plain(Str s, bool last) { return !str_is(s, ".") && !str_is(s, "..") && (s.n > 0 || last); }

bool path_is_plain(Str raw, Str normalised)
{
    if (!str_eq(raw, normalised) || raw.n == 0 || raw.p[0] != '/')
        return false;
    for (size_t i = 0; i < raw.n; i++)
        if (raw.p[i] <= ' ' || raw.p[i] >= 0x7f || memchr("%\\;?#", raw.p[i], 5) != NULL)
            return false;
    Str segment, rest = str_from(raw, 1);
    for (bool more = true; more;) {
        more = str_cut(rest, '/', &segment, &rest);
        if (!segment_is_plain(segment, !more))
            return false;
    }
    return true;
}

Str bearer_token(Str authorization)
{
    Str scheme, rest;
    if (!str_cut(str_trim(authorization), ' ', &scheme, &rest) || !same_word(scheme, S("bearer")))
        return (Str){ 0 };
    return str_trim(rest);
}
