/* fields.c - see fields.h. */
#include "spool/fields.h"
#include "format/json_scan.h"

static const void *field(const void *v, const Field *r) { return (const char *)v + r->offset; }

bool fields_put(Buf *b, const Field *rows, size_t n, const void *v)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    for (const Field *r = rows; r < rows + n; r++) {
        Str      text = r->kind == FIELD_NUMBER ? (Str){ "", 0 } : *(const Str *)field(v, r);
        uint64_t number = r->kind == FIELD_NUMBER ? *(const uint64_t *)field(v, r) : 0;
        if (text.n == 0 && number == 0)
            continue;
        if (w.comma)
            buf_byte(b, ',');
        buf_str(b, r->key);
        w.keyed = true;
        if (r->kind == FIELD_NUMBER)
            json_put_u64(&w, number);
        else if (r->kind == FIELD_RAW)
            json_put_raw(&w, text);
        else
            json_put_str(&w, text);
    }
    json_close(&w, '}');
    return !b->bad;
}

static bool take(Arena *a, const Field *r, const Json *member, void *out, Err *e)
{
    void *to = (char *)out + r->offset;
    if (r->kind == FIELD_NUMBER)
        return json_u64(member, to) || err_at(e, member->at, "%s: expected a whole number", r->name);
    if (r->kind == FIELD_TEXT) {
        *(Str *)to = json_text(member, (Str){ "", 0 });
        return member->type == JSON_STRING || err_at(e, member->at, "%s: expected a string", r->name);
    }
    defer_buf Buf raw = { 0 };
    JsonOut       w = json_out(&raw);
    json_put_tree(&w, member);
    *(Str *)to = raw.bad ? (Str){ NULL, 0 } : arena_str(a, buf_view(&raw));
    return ((Str *)to)->p != NULL || err_nomem(e);
}

/* ---- without a tree: what fields_put() wrote, in its order, ASCII and without escapes.  Anything else is the parser's. */

static bool quick_text(Str s, size_t *at, Str *out)
{
    const char *from = s.p + *at + 1, *end = s.p + s.n;
    if (*at >= s.n || from[-1] != '"')
        return false;
    const char *stop = scan_plain(from, end);
    if (stop == end || *stop != '"')
        return false;
    *out = (Str){ from, (size_t)(stop - from) };
    *at = (size_t)(stop + 1 - s.p);
    return true;
}

static bool quick_number(Str s, size_t *at, uint64_t *out)
{
    size_t from = *at;
    for (*out = 0; *at < s.n && *at - from < 19 && s.p[*at] >= '0' && s.p[*at] <= '9'; ++*at)
        *out = *out * 10 + (uint64_t)(s.p[*at] - '0');
    return *at > from && (s.p[from] != '0' || *at == from + 1);
}

/* The value up to the comma or bracket behind it; whatever could be written in two ways is not quick. */
static bool quick_raw(Str s, size_t *at, Str *out)
{
    size_t from = *at, depth = 0;
    for (bool text = false; *at < s.n; ++*at) {
        char c = s.p[*at];
        if ((uint8_t)c <= ' ' || (uint8_t)c >= 0x7f || c == '\\')
            return false;
        text ^= c == '"';
        if (!text && depth == 0 && (c == ',' || c == '}'))
            break;
        depth += !text && (c == '{' || c == '[');
        depth -= !text && depth > 0 && (c == '}' || c == ']');
    }
    *out = (Str){ s.p + from, *at - from };
    JsonPush p;
    json_push_begin(&p, &(JsonPushConf){ .profile = JSON_STRICT });
    return json_push_feed(&p, *out, NULL) && json_push_end(&p, NULL);
}

static bool quick(Str s, const Field *rows, size_t n, void *out)
{
    size_t at = 1;
    if (s.n < 2 || s.p[0] != '{')
        return false;
    for (const Field *r = rows; r < rows + n && s.p[at] != '}'; r++) {
        size_t key = at + (at > 1);
        void  *to = (char *)out + r->offset;
        if (!str_starts(str_from(s, key), r->key) || (at > 1 && s.p[at] != ','))
            continue;
        at = key + r->key.n;
        if (!(r->kind == FIELD_NUMBER ? quick_number(s, &at, to) : r->kind == FIELD_TEXT ? quick_text(s, &at, to) : quick_raw(s, &at, to)) || at >= s.n)
            return false;
    }
    return at + 1 == s.n && s.p[at] == '}';
}

static bool slow(Arena *a, Str payload, const Field *rows, size_t n, void *out, Err *e)
{
    const Json *v = json_parse(a, payload, JSON_STRICT, e);
    if (v == NULL)
        return false;
    if (v->type != JSON_OBJECT)
        return err_at(e, 0, "an event is a JSON object");
    for (const Field *r = rows; r < rows + n; r++) {
        const Json *member = json_get(v, r->name);
        if (member != NULL && !take(a, r, member, out, e))
            return false;
    }
    return true;
}

bool fields_get(Arena *a, Str payload, const Field *rows, size_t n, size_t size, void *out, Err *e)
{
    Str copy = arena_str(a, payload);
    memset(out, 0, size);
    if (copy.p == NULL)
        return err_nomem(e);
    if (quick(copy, rows, n, out))
        return true;
    memset(out, 0, size);
    return slow(a, payload, rows, n, out, e);
}

void fields_text(Buf *out, const Field *rows, size_t n)
{
    buf_z(out, "| member | meaning |\n|---|---|\n");
    for (const Field *r = rows; r < rows + n; r++)
        buf_printf(out, "| `%s` | %s |\n", r->name, r->meaning);
}
