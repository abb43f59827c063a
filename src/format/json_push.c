/* json_push.c - the push parser of json.h: one function for each kind of place the text can be cut at.
 *
 * The state says what the next byte may be; each step function eats as many bytes as belong to its state.  Within a
 * feed, tokens are slices of the input; the carry keeps the part of a token that its feed does not finish.  Every
 * check is made where the scan stops, in the order of the bytes, so that a whole text and its single bytes meet the
 * same first error. */
#include "format/json_step.h"

static bool in_object(const JsonPush *p)
{
    unsigned i = p->depth - 1;
    return p->objects[i / 64] >> i % 64 & 1;
}

/* ---- carrying the part of a key or number that came with earlier feeds */

bool step_no_room(const JsonPush *p, Err *e)
{
    err_at(e, p->token, "the memory set aside for keys and numbers is used up");
    if (e != NULL)
        e->code = E_LIMIT;
    return false;
}

bool step_carry(JsonPush *p, Str s, Err *e)
{
    size_t want = p->carry_n + s.n;
    if (want > p->carry_cap) {
        size_t cap = p->carry_cap * 2 > want ? p->carry_cap * 2 : want;
        char  *fresh = p->conf.grow ? arena_get(p->conf.grow, cap, 1) : NULL;
        if (fresh == NULL)
            return step_no_room(p, e);
        memcpy(fresh, p->carry, p->carry_n);
        p->carry = fresh, p->carry_cap = cap;
    }
    if (s.n)
        memcpy(p->carry + p->carry_n, s.p, s.n);
    p->carry_n = want;
    return true;
}

bool step_whole(JsonPush *p, Str last, Str *out, Err *e)
{
    if (p->carry_n == 0)
        return *out = last, true;
    bool ok = step_carry(p, last, e);
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

static void token_begin(JsonPush *p, In *in, uint8_t state)
{
    p->token = here(p, in), p->state = state;
    p->carry_n = 0, p->length = 0, p->done = 0, p->number = N_START;
    p->first = true;
}

static bool number_fits(const JsonPush *p, Str text, Err *e)
{
    if (p->number == N_ZERO || p->number == N_INT) {
        if (text.n > JSON_INTEGER_MAX)
            return err_at(e, p->token, "integer of %zu characters; the limit is %d", text.n, JSON_INTEGER_MAX);
        return scan_integer_64(text) || err_at(e, p->token, "integer outside [-2^63, 2^64-1]");
    }
    return p->number == N_FRAC || scan_finite(text) || err_at(e, p->token, "number beyond the range of a double");
}

static bool number_end(JsonPush *p, Str last, uint64_t end, Err *e)
{
    Str text;
    if (!step_whole(p, last, &text, e) || (strict(p) && !number_fits(p, text, e)))
        return false;
    value_done(p);
    return emit(p, &(JsonEvent){ .type = JSON_NUMBER, .first = true, .fraction = p->number != N_ZERO && p->number != N_INT,
                                 .digits = p->number == N_EXP ? UINT32_MAX : scan_whole_digits(text), .depth = p->depth, .at = p->token, .end = end, .text = text });
}

enum { SHORT_NUMBER = 1 + 16 + 1 + 24 + 1 };           /* bytes short_number() may look at */

/* A number like most: no exponent, fewer than 16 digits before the point and 24 behind it, so that it is within every
 * limit, and all of it in this feed with room to spare.  0: leave it to in_number(). */
static size_t short_number(const char *p, uint32_t *digits, bool *fraction)
{
    const char *q = p + (*p == '-');
    size_t      n = scan_some_digits(q, 2);
    *digits = *q == '0' ? 0 : (uint32_t)n, *fraction = false;
    if (n == 0 || n == 16 || (*q == '0' && n > 1))
        return 0;
    q += n;
    if (*q == '.') {
        n = scan_some_digits(q + 1, 3);
        q += n + 1, *fraction = true;
        if (n == 0 || n == 24)
            return 0;
    }
    return (*q | 32) == 'e' ? 0 : (size_t)(q - p);
}

/* A number, and in an array the numbers behind it while they are short and a comma and at most one blank part them. */
static bool number_begin(JsonPush *p, In *in)
{
    JsonEvent   ev = { .type = JSON_NUMBER, .first = true, .depth = p->depth };
    bool        array = p->depth > 0 && !in_object(p);
    const char *q = in->p;
    for (;;) {
        ev.text.n = in->end - q > SHORT_NUMBER + 2 ? short_number(q, &ev.digits, &ev.fraction) : 0;
        if (ev.text.n == 0)
            break;
        ev.text.p = q, in->p = q + ev.text.n;
        ev.end = here(p, in), ev.at = ev.end - ev.text.n;
        value_done(p);
        if (!emit(p, &ev))
            return false;
        q = in->p + 1 + (in->p[1] == ' ');
        if (!array || *in->p != ',' || (*q != '-' && (*q < '0' || *q > '9')))
            return true;
    }
    if (q == in->p)
        token_begin(p, in, IN_NUMBER);
    return true;
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
        return step_carry(p, part, in->e);
    if (!number_complete(p->number))
        return err_at(in->e, here(p, in), "a digit was expected in this number");
    return number_end(p, part, here(p, in), in->e);
}

/* ---- between tokens */

static bool value_begin(JsonPush *p, In *in, char c)
{
    if (c == '{' || c == '[')
        return open_bracket(p, in, c == '{' ? JSON_OBJECT : JSON_ARRAY);
    if (c == '-' || (c >= '0' && c <= '9'))
        return number_begin(p, in);
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

static bool mark(JsonPush *p, In *in, char c)
{
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

static bool between(JsonPush *p, In *in)
{
    do {
        in->p = scan_blanks(in->p, in->end);
        if (in->p == in->end)
            return true;
        if (!mark(p, in, *in->p))
            return false;
    } while (p->state <= AT_END);
    return true;
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
        [AT_COLON] = between,    [AT_NEXT] = between,       [AT_END] = between,       [IN_STRING] = step_string,
        [IN_ESCAPE] = step_escape, [IN_HEX] = step_hex,         [IN_NUMBER] = in_number,  [IN_WORD] = in_word,
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
