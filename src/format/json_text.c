/* json_text.c - strings and keys of the push parser: plain runs, escapes, surrogate pairs, UTF-8. */
#include "format/json_step.h"

static bool key_end(JsonPush *p, Str last, uint64_t end, Err *e)
{
    Str text;
    if (!step_whole(p, last, &text, e))
        return false;
    switch (strict(p) ? keys_add(&p->keys, p->marks[p->depth - 1], text, p->conf.grow) : KEY_NEW) {
    case KEY_TWICE:    return err_at(e, p->token, "this key came before in the same object");
    case KEY_TOO_MANY: return err_at(e, p->token, "too many keys: the limit is %d in one object and %d in all open ones",
                                     JSON_KEYS_MAX, JSON_KEYS_OPEN_MAX);
    case KEY_NO_ROOM:  return step_no_room(p, e);
    case KEY_NEW:      break;
    }
    p->state = AT_COLON;
    return emit(p, &(JsonEvent){ .step = JSON_KEY, .type = JSON_STRING, .first = true, .depth = p->depth, .at = p->token,
                                 .end = end, .text = text });
}

/* Hands on `n` decoded bytes; `last` when the quote follows. */
static bool take_text(JsonPush *p, In *in, Str s, bool last)
{
    p->length += s.n;
    if (p->is_key) {
        if (p->conf.key_max != 0 && p->length > p->conf.key_max)
            return err_at(in->e, p->token, "key of more than %u bytes", p->conf.key_max);
        return last ? key_end(p, s, here(p, in) + 1, in->e) : step_carry(p, s, in->e);
    }
    if (p->conf.string_max != 0 && p->length > p->conf.string_max)
        return err_at(in->e, p->token, "string of more than %" PRIu64 " bytes", p->conf.string_max);
    if (last)
        value_done(p);
    if (s.n == 0 && !last)
        return true;
    JsonEvent ev = { .type = JSON_STRING, .first = p->first, .more = !last, .depth = p->depth, .at = p->token,
                     .end = here(p, in) + last, .text = s };
    p->first = false;
    return emit(p, &ev);
}

/* A high surrogate was not followed by a low one. */
static bool lone_surrogate(JsonPush *p, In *in)
{
    p->high = 0;
    if (strict(p))
        return err_at(in->e, p->escape, "lone surrogate");
    return take_text(p, in, S("\xEF\xBF\xBD"), false);
}

/* Moves over text that stands for itself; whole characters at once, those that a feed cuts by their state.  *bad when it
 * stopped at a byte that is no UTF-8. */
static void skip_text(JsonPush *p, In *in, bool *bad)
{
    for (*bad = false; in->p < in->end && !*bad;) {
        uint8_t c;
        if (p->need == 0) {
            in->p = scan_text(in->p, in->end);
            if (in->p == in->end || (c = (uint8_t)*in->p) < 0x80)
                return;
            p->need = scan_utf8_lead(c, &p->low, &p->top);
            *bad = p->need == 0;
        } else {
            c = (uint8_t)*in->p;
            *bad = c < p->low || c > p->top;
            p->low = 0x80, p->top = 0xBF, p->need--;
        }
        in->p += !*bad;
    }
}

bool step_string(JsonPush *p, In *in)
{
    bool        bad;
    const char *run = in->p;
    if (p->high != 0 && *in->p != '\\' && !lone_surrogate(p, in))
        return false;
    skip_text(p, in, &bad);
    char stop = in->p < in->end ? *in->p : 0;
    bool more = in->p == in->end;
    if (!take_text(p, in, (Str){ run, (size_t)(in->p - run) }, stop == '"' && !more && !bad))
        return false;
    if (more)
        return true;
    if (bad)
        return err_at(in->e, here(p, in), "not UTF-8");
    if (stop != '"' && stop != '\\')
        return err_at(in->e, here(p, in), "control character in a string; write it as \\u%04x", (unsigned)stop);
    if (stop == '\\')
        p->state = IN_ESCAPE;
    in->p++;
    return true;
}

bool step_escape(JsonPush *p, In *in)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char              c = *in->p;
    if (c == 'u') {
        if (p->high == 0)
            p->escape = here(p, in) - 1;
        p->unit = 0, p->hex = 0, p->state = IN_HEX, in->p++;
        return true;
    }
    if (p->high != 0 && !lone_surrogate(p, in))
        return false;
    const char *hit = c ? strchr(from, c) : NULL;
    if (hit == NULL)
        return err_at(in->e, here(p, in), "no such escape");
    p->state = IN_STRING, in->p++;
    return take_text(p, in, (Str){ &to[hit - from], 1 }, false);
}

static Str utf8_of(uint32_t c, char out[static 4])
{
    if (c < 0x80)
        return out[0] = (char)c, (Str){ out, 1 };
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00 >> n) | c);
    return (Str){ out, n };
}

/* A whole \uXXXX was read: a character, or half of one (RFC 8259 s7). */
static bool take_unit(JsonPush *p, In *in)
{
    char     out[4];
    uint32_t c = p->unit;
    bool     low = c >= 0xDC00 && c <= 0xDFFF;
    p->state = IN_STRING;
    if (p->high != 0 && low) {
        c = 0x10000 + ((uint32_t)(p->high - 0xD800) << 10) + (c - 0xDC00);
        p->high = 0;
        return take_text(p, in, utf8_of(c, out), false);
    }
    if (p->high != 0 && !lone_surrogate(p, in))
        return false;
    if (c >= 0xD800 && c <= 0xDBFF)
        return p->high = p->unit, p->escape = here(p, in) - 6, true;
    return low ? lone_surrogate(p, in) : take_text(p, in, utf8_of(c, out), false);
}

bool step_hex(JsonPush *p, In *in)
{
    for (; in->p < in->end && p->hex < 4; in->p++, p->hex++) {
        char     c = *in->p, l = c | 32;
        unsigned v = c >= '0' && c <= '9' ? (unsigned)(c - '0') : l >= 'a' && l <= 'f' ? (unsigned)(l - 'a') + 10 : 16;
        if (v == 16)
            return err_at(in->e, here(p, in), "four hexadecimal digits must follow \\u");
        p->unit = (uint16_t)(p->unit << 4 | v);
    }
    return p->hex < 4 || take_unit(p, in);
}
