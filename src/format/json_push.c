/* json_push.c - the push parser of json.h: one function for each kind of place the text can be cut at.
 *
 * The state says what the next byte may be; each step function eats as many bytes as belong to its state.  Within a
 * feed, tokens are slices of the input; `take_*` carries the part of a token that its feed does not finish.  Every
 * check is made where the scan stops, in the order of the bytes, so that a whole text and its single bytes meet the
 * same first error. */
#include "format/json_keys.h"
#include "format/json_scan.h"

enum { AT_VALUE, AT_FIRST_ITEM, AT_FIRST_KEY, AT_KEY, AT_COLON, AT_NEXT, AT_END, IN_STRING, IN_ESCAPE, IN_HEX, IN_NUMBER, IN_WORD };

typedef struct In {
    const char *base, *p, *end;
    Err        *e;
} In;

static uint64_t here(const JsonPush *p, const In *in) { return p->fed + (uint64_t)(in->p - in->base); }
static bool     strict(const JsonPush *p) { return p->conf.profile == JSON_STRICT; }

static bool in_object(const JsonPush *p)
{
    unsigned i = p->depth - 1;
    return p->objects[i / 64] >> i % 64 & 1;
}

static bool emit(JsonPush *p, const JsonEvent *ev) { return p->conf.fn == NULL || p->conf.fn(p->conf.ctx, ev); }

static void value_done(JsonPush *p) { p->state = p->depth > 0 ? AT_NEXT : AT_END; }

/* ---- carrying the part of a key or number that came with earlier feeds */

static bool no_room(const JsonPush *p, Err *e)
{
    err_at(e, p->token, "the memory set aside for keys and numbers is used up");
    if (e != NULL)
        e->code = E_LIMIT;
    return false;
}

static bool carry(JsonPush *p, Str s, Err *e)
{
    size_t want = p->carry_n + s.n;
    if (want > p->carry_cap) {
        size_t cap = p->carry_cap * 2 > want ? p->carry_cap * 2 : want;
        char  *fresh = p->conf.grow ? arena_get(p->conf.grow, cap, 1) : NULL;
        if (fresh == NULL)
            return no_room(p, e);
        memcpy(fresh, p->carry, p->carry_n);
        p->carry = fresh, p->carry_cap = cap;
    }
    if (s.n)
        memcpy(p->carry + p->carry_n, s.p, s.n);
    p->carry_n = want;
    return true;
}

/* Joins what was carried with the last part; without a carry the part itself is the token. */
static bool whole(JsonPush *p, Str last, Str *out, Err *e)
{
    if (p->carry_n == 0)
        return *out = last, true;
    bool ok = carry(p, last, e);
    *out = (Str){ p->carry, p->carry_n };
    return ok;
}

/* ---- brackets */

static bool open_bracket(JsonPush *p, In *in, JsonType type)
{
    unsigned limit = strict(p) ? JSON_DEPTH_STRICT : JSON_DEPTH_GRAMMAR, i = p->depth;
    uint64_t at = here(p, in);
    if (i == limit)
        return err_at(in->e, at, "more than %u nested arrays and objects", limit);
    if (!emit(p, &(JsonEvent){ .step = JSON_OPEN, .type = type, .depth = i, .at = at, .end = at + 1 }))
        return false;
    p->objects[i / 64] &= ~((uint64_t)1 << i % 64);
    p->objects[i / 64] |= (uint64_t)(type == JSON_OBJECT) << i % 64;
    if (i < JSON_DEPTH_STRICT)
        p->marks[i] = p->keys.n;
    p->depth++, in->p++;
    p->state = type == JSON_OBJECT ? AT_FIRST_KEY : AT_FIRST_ITEM;
    return true;
}

static bool close_bracket(JsonPush *p, In *in, JsonType type)
{
    uint64_t at = here(p, in);
    p->depth--, in->p++;
    if (p->depth < JSON_DEPTH_STRICT)
        keys_pop(&p->keys, p->marks[p->depth]);
    value_done(p);
    return emit(p, &(JsonEvent){ .step = JSON_CLOSE, .type = type, .depth = p->depth, .at = at, .end = at + 1 });
}

/* ---- true, false, null */

static const struct {
    const char *word;
    JsonType    type;
} words[] = { { "true", JSON_TRUE }, { "false", JSON_FALSE }, { "null", JSON_NULL } };

static bool in_word(JsonPush *p, In *in)
{
    const char *w = words[p->literal].word;
    while (in->p < in->end && w[p->done] != '\0') {
        if (*in->p != w[p->done])
            return err_at(in->e, here(p, in), "the word %s is misspelt", w);
        in->p++, p->done++;
    }
    if (w[p->done] != '\0')
        return true;
    value_done(p);
    return emit(p, &(JsonEvent){ .type = words[p->literal].type, .first = true, .depth = p->depth, .at = p->token,
                                 .end = here(p, in) });
}

/* ---- numbers */

static bool number_fits(const JsonPush *p, Str text, Err *e)
{
    if (p->number == N_ZERO || p->number == N_INT) {
        if (text.n > JSON_INTEGER_MAX)
            return err_at(e, p->token, "integer of %zu characters; the limit is %d", text.n, JSON_INTEGER_MAX);
        return scan_integer_64(text) || err_at(e, p->token, "integer outside [-2^63, 2^64-1]");
    }
    return scan_finite(text) || err_at(e, p->token, "number beyond the range of a double");
}

static bool number_end(JsonPush *p, Str last, uint64_t end, Err *e)
{
    Str text;
    if (!whole(p, last, &text, e) || (strict(p) && !number_fits(p, text, e)))
        return false;
    value_done(p);
    return emit(p, &(JsonEvent){ .type = JSON_NUMBER, .first = true, .depth = p->depth, .at = p->token, .end = end,
                                 .text = text });
}

static bool in_number(JsonPush *p, In *in)
{
    const char *run = in->p;
    for (uint8_t next; in->p < in->end && (next = number_next(p->number, *in->p)) != 0; in->p++) {
        p->number = next;
        if (next == N_INT || next == N_FRAC || next == N_EXP)
            in->p = scan_digits(in->p, in->end) - 1;
    }
    Str part = { run, (size_t)(in->p - run) };
    if (strict(p) && p->carry_n + part.n > JSON_NUMBER_MAX)
        return err_at(in->e, p->token, "number of more than %d characters", JSON_NUMBER_MAX);
    if (in->p == in->end)
        return carry(p, part, in->e);
    if (!number_complete(p->number))
        return err_at(in->e, here(p, in), "a digit was expected in this number");
    return number_end(p, part, here(p, in), in->e);
}

/* ---- strings and keys */

static bool key_end(JsonPush *p, Str last, uint64_t end, Err *e)
{
    Str text;
    if (!whole(p, last, &text, e))
        return false;
    switch (strict(p) ? keys_add(&p->keys, p->marks[p->depth - 1], text, p->conf.grow) : KEY_NEW) {
    case KEY_TWICE:    return err_at(e, p->token, "this key came before in the same object");
    case KEY_TOO_MANY: return err_at(e, p->token, "too many keys: the limit is %d in one object and %d in all open ones",
                                     JSON_KEYS_MAX, JSON_KEYS_OPEN_MAX);
    case KEY_NO_ROOM:  return no_room(p, e);
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
        return last ? key_end(p, s, here(p, in) + 1, in->e) : carry(p, s, in->e);
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

/* Moves over plain text, through UTF-8 (RFC 3629 s4); *bad when it stopped at a byte that is none. */
static void skip_plain(JsonPush *p, In *in, bool *bad)
{
    for (*bad = false; in->p < in->end; in->p++) {
        uint8_t c = (uint8_t)*in->p;
        if (p->need == 0) {
            in->p = scan_plain(in->p, in->end);
            if (in->p == in->end || (c = (uint8_t)*in->p) < 0x80)
                return;
            p->need = scan_utf8_lead(c, &p->low, &p->top);
            *bad = p->need == 0;
        } else {
            *bad = c < p->low || c > p->top;
            p->low = 0x80, p->top = 0xBF, p->need--;
        }
        if (*bad)
            return;
    }
}

static bool in_string(JsonPush *p, In *in)
{
    bool        bad;
    const char *run = in->p;
    if (p->high != 0 && *in->p != '\\' && !lone_surrogate(p, in))
        return false;
    skip_plain(p, in, &bad);
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

static bool in_escape(JsonPush *p, In *in)
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

static bool in_hex(JsonPush *p, In *in)
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

/* ---- between tokens */

static void token_begin(JsonPush *p, In *in, uint8_t state)
{
    p->token = here(p, in), p->state = state;
    p->carry_n = 0, p->length = 0, p->done = 0, p->number = N_START;
    p->first = true;
}

static bool value_begin(JsonPush *p, In *in, char c)
{
    if (c == '{' || c == '[')
        return open_bracket(p, in, c == '{' ? JSON_OBJECT : JSON_ARRAY);
    if (c == '-' || (c >= '0' && c <= '9'))
        return token_begin(p, in, IN_NUMBER), true;
    if (c == '"')
        return token_begin(p, in, IN_STRING), p->is_key = false, in->p++, true;
    for (uint8_t i = 0; i < len_of(words); i++)
        if (c == words[i].word[0])
            return token_begin(p, in, IN_WORD), p->literal = i, true;
    return err_at(in->e, here(p, in), c == 'N' || c == 'I' ? "NaN and Infinity are not JSON" : "a value was expected");
}

static bool key_begin(JsonPush *p, In *in, char c)
{
    if (c != '"')
        return err_at(in->e, here(p, in), "a key in double quotes was expected");
    token_begin(p, in, IN_STRING);
    p->is_key = true, in->p++;
    return true;
}

static bool next_begin(JsonPush *p, In *in, char c)
{
    bool object = in_object(p);
    if (c == ',') {
        p->state = object ? AT_KEY : AT_VALUE, in->p++;
        return true;
    }
    if (c == (object ? '}' : ']'))
        return close_bracket(p, in, object ? JSON_OBJECT : JSON_ARRAY);
    return err_at(in->e, here(p, in), object ? "',' or '}' was expected" : "',' or ']' was expected");
}

static bool between(JsonPush *p, In *in)
{
    in->p = scan_blanks(in->p, in->end);
    if (in->p == in->end)
        return true;
    char c = *in->p;
    switch (p->state) {
    case AT_FIRST_ITEM: return c == ']' ? close_bracket(p, in, JSON_ARRAY) : value_begin(p, in, c);
    case AT_FIRST_KEY:  return c == '}' ? close_bracket(p, in, JSON_OBJECT) : key_begin(p, in, c);
    case AT_VALUE:      return value_begin(p, in, c);
    case AT_KEY:        return key_begin(p, in, c);
    case AT_NEXT:       return next_begin(p, in, c);
    case AT_COLON:
        if (c != ':')
            return err_at(in->e, here(p, in), "':' was expected");
        p->state = AT_VALUE, in->p++;
        return true;
    default:            return err_at(in->e, here(p, in), "bytes follow the document");
    }
}

/* ---- the public side */

void json_push_begin(JsonPush *p, const JsonPushConf *conf)
{
    memset(p, 0, sizeof *p);
    p->conf = *conf;
    p->carry = p->carry_small, p->carry_cap = sizeof p->carry_small;
    if (!strict(p))
        return;
    if (conf->key_max == 0)
        p->conf.key_max = JSON_KEY_MAX;
    keys_begin(&p->keys, conf->hash_key, conf->room, conf->room_keys);
    if (conf->room != NULL && p->conf.key_max > sizeof p->carry_small)
        p->carry = (char *)conf->room + keys_room(conf->room_keys), p->carry_cap = p->conf.key_max;
}

size_t json_push_room(uint32_t room_keys, uint32_t key_max)
{
    key_max = key_max != 0 ? key_max : JSON_KEY_MAX;
    return keys_room(room_keys) + (key_max > JSON_CARRY_SMALL ? key_max : 0);
}

bool json_push_feed(JsonPush *p, Str bytes, Err *e)
{
    static bool (*const step[])(JsonPush *, In *) = {
        [AT_VALUE] = between,    [AT_FIRST_ITEM] = between, [AT_FIRST_KEY] = between, [AT_KEY] = between,
        [AT_COLON] = between,    [AT_NEXT] = between,       [AT_END] = between,       [IN_STRING] = in_string,
        [IN_ESCAPE] = in_escape, [IN_HEX] = in_hex,         [IN_NUMBER] = in_number,  [IN_WORD] = in_word,
    };
    In in = { bytes.p, bytes.p, bytes.p + bytes.n, e };
    if (p->failed)
        return err_at(e, p->fed, "the text was refused before");
    while (in.p < in.end && !p->failed)
        p->failed = !step[p->state](p, &in);
    p->fed += p->failed ? 0 : bytes.n;
    return !p->failed;
}

bool json_push_end(JsonPush *p, Err *e)
{
    static const char *const why[] = {
        [AT_VALUE] = "a value",     [AT_FIRST_ITEM] = "an array",      [AT_FIRST_KEY] = "an object", [AT_KEY] = "an object",
        [AT_COLON] = "an object",   [AT_NEXT] = "an array or object", [IN_STRING] = "a string",     [IN_ESCAPE] = "a string",
        [IN_HEX] = "a string",      [IN_NUMBER] = "a number",          [IN_WORD] = "a word",
    };
    if (p->failed)
        return err_at(e, p->fed, "the text was refused before");
    if (p->state == IN_NUMBER && p->depth == 0 && number_complete(p->number))
        p->failed = !number_end(p, S(""), p->fed, e);
    else if (p->state != AT_END)
        p->failed = !err_at(e, p->fed, "the text ends inside %s", why[p->state]);
    return !p->failed;
}
