/* event.c - see event.h.  One table writes, reads and documents the payload. */
#include "spool/event.h"

typedef enum { TEXT, NUMBER, RAW } Kind;

static const struct {
    const char *name;
    Str         key;                                   /* as it stands in the payload: "name": */
    Kind        kind;
    size_t      offset;
    const char *meaning;
} rows[] = {
#define ROW(name, kind, meaning) { #name, { "\"" #name "\":", sizeof #name + 2 }, kind, offsetof(Event, name), meaning }
    ROW(request, TEXT, "id of the request, hex"),
    ROW(endpoint, TEXT, "the part it went to; absent: no route matched"),
    ROW(model, TEXT, "SHA-256 of the model behind it"),
    ROW(key, TEXT, "public id of the API key"),
    ROW(address, TEXT, "client address"),
    ROW(method, TEXT, "HTTP method"),
    ROW(status, NUMBER, "status the client got"),
    ROW(verdict, TEXT, "pass, refuse (policy) or fail (upstream or us)"),
    ROW(reason, TEXT, "name of the reason code"),
    ROW(checks, NUMBER, "bitmask of the checks that ran"),
    ROW(cost, NUMBER, "units charged to the limits"),
    ROW(bytes_in, NUMBER, "request body"),
    ROW(bytes_out, NUMBER, "response body"),
    ROW(upstream_us, NUMBER, "microseconds waiting for the model"),
    ROW(total_us, NUMBER, "microseconds in all"),
    ROW(prediction, RAW, "the released answer, when the policy keeps it"),
#undef ROW
};

static const void *field(const Event *v, size_t i) { return (const char *)v + rows[i].offset; }

bool event_put(Buf *b, const Event *v)
{
    JsonOut w = json_out(b);
    json_open(&w, '{');
    for (size_t i = 0; i < len_of(rows); i++) {
        Str      text = rows[i].kind == NUMBER ? (Str){ "", 0 } : *(const Str *)field(v, i);
        uint64_t n = rows[i].kind == NUMBER ? *(const uint64_t *)field(v, i) : 0;
        if (text.n == 0 && n == 0)
            continue;
        if (w.comma)
            buf_byte(b, ',');
        buf_str(b, rows[i].key);
        w.keyed = true;
        if (rows[i].kind == NUMBER)
            json_put_u64(&w, n);
        else if (rows[i].kind == RAW)
            json_put_raw(&w, text);
        else
            json_put_str(&w, text);
    }
    json_close(&w, '}');
    return !b->bad;
}

static bool take(Arena *a, size_t i, const Json *member, Event *out, Err *e)
{
    void *to = (char *)out + rows[i].offset;
    if (rows[i].kind == NUMBER)
        return json_u64(member, to) || err_at(e, member->at, "%s: expected a whole number", rows[i].name);
    if (rows[i].kind == TEXT) {
        *(Str *)to = json_text(member, (Str){ "", 0 });
        return member->type == JSON_STRING || err_at(e, member->at, "%s: expected a string", rows[i].name);
    }
    defer_buf Buf raw = { 0 };
    JsonOut       w = json_out(&raw);
    json_put_tree(&w, member);
    *(Str *)to = raw.bad ? (Str){ NULL, 0 } : arena_str(a, buf_view(&raw));
    return ((Str *)to)->p != NULL || err_nomem(e);
}

bool event_get(Arena *a, Str payload, Event *out, Err *e)
{
    *out = (Event){ 0 };
    const Json *v = json_parse(a, payload, JSON_STRICT, e);
    if (v == NULL)
        return false;
    if (v->type != JSON_OBJECT)
        return err_at(e, 0, "an event is a JSON object");
    for (size_t i = 0; i < len_of(rows); i++) {
        const Json *member = json_get(v, rows[i].name);
        if (member != NULL && !take(a, i, member, out, e))
            return false;
    }
    return true;
}

void event_id(const uint8_t producer[static 16], uint64_t seq, char out[static EVENT_ID])
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint8_t           raw[24];
    size_t            n = 0;
    memcpy(raw, producer, 16);
    for (size_t i = 0; i < 8; i++)
        raw[16 + i] = (uint8_t)(seq >> (56 - 8 * i));
    for (size_t bit = 0; bit < 8 * sizeof raw; bit += 5) {
        uint32_t pair = (uint32_t)raw[bit / 8] << 8 | (bit / 8 + 1 < sizeof raw ? raw[bit / 8 + 1] : 0);
        out[n++] = digits[pair >> (11 - bit % 8) & 31];
    }
    out[n] = '\0';
}

void event_text(Buf *out)
{
    buf_z(out, "# Events\n\nOne JSON object a request, in the spool's frames of kind 1. Members that are not known are absent.\n\n"
               "| member | meaning |\n|---|---|\n");
    for (size_t i = 0; i < len_of(rows); i++)
        buf_printf(out, "| `%s` | %s |\n", rows[i].name, rows[i].meaning);
}
