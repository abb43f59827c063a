/* fields.c - see fields.h. */
#include "spool/fields.h"

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

bool fields_get(Arena *a, Str payload, const Field *rows, size_t n, void *out, Err *e)
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

void fields_text(Buf *out, const Field *rows, size_t n)
{
    buf_z(out, "| member | meaning |\n|---|---|\n");
    for (const Field *r = rows; r < rows + n; r++)
        buf_printf(out, "| `%s` | %s |\n", r->name, r->meaning);
}
