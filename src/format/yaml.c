/* yaml.c - see yaml.h.  libyaml gives events; we keep a stack of open collections and hang each node into the top one. */
#include "format/yaml.h"
#include "base/dict.h"
#include <yaml.h>

enum { FEW_KEYS = 16 };                               /* compared one by one; more go into a Dict */

typedef struct Open {
    Json  *node, *last;
    Dict  *keys;
    Str    key;
    bool   keyed;                                     /* a key has come, its value has not */
} Open;

typedef struct Reader {
    yaml_parser_t parser;
    Arena        *a;
    Err          *e;
    Str           text;
    size_t        chars, at;                          /* libyaml counts characters: where we are in both */
    uint64_t      line;
    size_t        nodes;
    unsigned      depth;
    Open          open[YAML_DEPTH_MAX + 1];           /* [0] is the array of documents */
} Reader;

/* ---- places */

static void walk_to(Reader *r, size_t chars)
{
    for (; r->chars < chars && r->at < r->text.n; r->chars++) {
        uint8_t c = (uint8_t)r->text.p[r->at];
        bool    crlf = c == '\r' && r->at + 1 < r->text.n && r->text.p[r->at + 1] == '\n';
        r->line += c == '\n' || (c == '\r' && !crlf);
        r->at += c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    }
}

static bool fail_here(Reader *r, const char *what)
{
    return err_line(r->e, r->line, "%s", what);
}

/* ---- libyaml's own complaints */

static uint64_t line_of(Str text, size_t at)
{
    uint64_t line = 1;
    for (size_t i = 0; i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

static bool parser_error(Reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char          *problem = p->problem ? p->problem : "cannot be read";
    if (p->error == YAML_MEMORY_ERROR)
        return err_nomem(r->e);
    if (p->error == YAML_READER_ERROR)
        return err_line(r->e, line_of(r->text, p->problem_offset), "%s (0x%X)", problem, (unsigned)p->problem_value);
    walk_to(r, p->problem_mark.index);
    err_line(r->e, p->problem_mark.line + 1, "%s%s%s", p->context ? p->context : "", p->context ? ": " : "", problem);
    if (r->at < r->text.n && r->text.p[r->at] == '\t')
        err_hint(r->e, "indent with blanks, not with tabs");
    return false;
}

/* ---- plain scalars: the core schema (YAML 1.2.2 s10.3.2) */

static bool one_of(Str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(s, words[i]))
            return true;
    return false;
}

/* 0o17 and 0xFF; false when it is neither, *overflow when it is one that does not fit. */
static bool based_integer(Str s, uint64_t *out, bool *overflow)
{
    if (s.n < 3 || s.p[0] != '0' || (s.p[1] != 'o' && s.p[1] != 'x'))
        return false;
    uint64_t v = 0, base = s.p[1] == 'o' ? 8 : 16;
    for (size_t i = 2; i < s.n; i++) {
        char     c = s.p[i];
        uint64_t digit = c >= '0' && c <= '9' ? (uint64_t)(c - '0') : (uint64_t)((c | 0x20) - 'a') + 10;
        if ((c < '0' || c > '9') && ((c | 0x20) < 'a' || (c | 0x20) > 'f'))
            return false;
        if (digit >= base)
            return false;
        *overflow |= __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v);
    }
    *out = v;
    return true;
}

/* A literal of number_f64 as JSON would write it, so that whoever prints the tree prints JSON: no plus, no leading
 * zeros, digits on both sides of the point. */
static Str json_literal(Arena *a, Str s)
{
    size_t at = 0;
    char  *out = arena_get(a, s.n + 3, 1), *to = out;
    if (out == NULL)
        return (Str){ NULL, 0 };
    if (s.p[0] == '-')
        *to++ = '-';
    at += s.p[0] == '-' || s.p[0] == '+';
    while (at + 1 < s.n && s.p[at] == '0' && s.p[at + 1] >= '0' && s.p[at + 1] <= '9')
        at++;
    if (s.p[at] == '.')
        *to++ = '0';
    for (; at < s.n; at++) {
        *to++ = s.p[at];
        if (s.p[at] == '.' && (at + 1 == s.n || s.p[at + 1] == 'e' || s.p[at + 1] == 'E'))
            *to++ = '0';
    }
    return (Str){ out, (size_t)(to - out) };
}

static bool is_infinity_or_nan(Str s)
{
    static const char *const words[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN" };
    bool   sign = s.n && (s.p[0] == '-' || s.p[0] == '+');
    return one_of(str_from(s, sign), words, sign ? 3 : 6);
}

static bool plain_number(Reader *r, Str s, Json *v, bool *is_number)
{
    uint64_t whole = 0;
    bool     overflow = false;
    *is_number = true;
    if (is_infinity_or_nan(s))
        return fail_here(r, "infinity and NaN are not allowed; quote it if it is text");
    if (based_integer(s, &whole, &overflow)) {
        if (overflow)
            return fail_here(r, "the number does not fit into 64 bits");
        char *digits = arena_printf(r->a, "%" PRIu64, whole);
        v->text = str(digits), v->num = (double)whole;
        return digits != NULL || err_nomem(r->e);
    }
    *is_number = number_f64(s, &v->num);
    if (*is_number)
        v->text = json_literal(r->a, s);
    return !*is_number || v->text.p != NULL || err_nomem(r->e);
}

static bool quoted(Reader *r, Str s, Json *v)
{
    v->text = arena_str(r->a, s);
    return v->text.p != NULL || err_nomem(r->e);
}

static bool plain(Reader *r, Str s, Json *v)
{
    static const char *const null_words[] = { "", "~", "null", "Null", "NULL" };
    static const char *const true_words[] = { "true", "True", "TRUE" };
    static const char *const false_words[] = { "false", "False", "FALSE" };
    bool is_number = false;
    v->type = one_of(s, null_words, 5) ? JSON_NULL : one_of(s, true_words, 3) ? JSON_TRUE
            : one_of(s, false_words, 3) ? JSON_FALSE : JSON_STRING;
    if (v->type != JSON_STRING)
        return true;
    if (!plain_number(r, s, v, &is_number))
        return false;
    if (is_number)
        v->type = JSON_NUMBER;
    return is_number || quoted(r, s, v);
}

/* ---- the tree */

static Json *node_new(Reader *r, JsonType type)
{
    Json *v = NULL;
    if (++r->nodes > YAML_NODES_MAX)
        err_line(r->e, r->line, "more than %d values", YAML_NODES_MAX);
    else if ((v = arena_get(r->a, 1, sizeof *v)) == NULL)
        err_nomem(r->e);
    else
        *v = (Json){ .type = type, .line = (uint32_t)r->line, .at = r->at };
    return v;
}

static bool hang(Reader *r, Json *v)
{
    Open *top = &r->open[r->depth];
    v->key = top->key;
    if (top->last != NULL)
        top->last->next = v;
    else
        top->node->first = v;
    top->last = v, top->node->count++, top->keyed = false;
    return true;
}

static bool is_known_key(Open *top, Arena *a, Str key, bool *known)
{
    *known = false;
    if (top->node->count < FEW_KEYS) {
        for (const Json *m = top->node->first; m != NULL && !*known; m = m->next)
            *known = str_eq(m->key, key);
        return true;
    }
    if (top->keys == NULL) {
        if ((top->keys = dict_new(a)) == NULL)
            return false;
        for (Json *m = top->node->first; m != NULL; m = m->next)
            if (!dict_put(top->keys, m->key, m))
                return false;
    }
    *known = dict_get(top->keys, key) != NULL;
    return *known || dict_put(top->keys, key, top->node);
}

static bool on_key(Reader *r, Str s, bool is_plain)
{
    Open *top = &r->open[r->depth];
    bool  known;
    if (is_plain && str_is(s, "<<"))
        return fail_here(r, "merge keys are not allowed; write the values out");
    Str key = arena_str(r->a, s);
    if (key.p == NULL || !is_known_key(top, r->a, key, &known))
        return err_nomem(r->e);
    if (known)
        return err_line(r->e, r->line, "'%.*s' is here twice", (int)(key.n > 80 ? 80 : key.n), key.p);
    top->key = key, top->keyed = true;
    return true;
}

static bool wants_key(const Reader *r)
{
    return r->open[r->depth].node->type == JSON_OBJECT && !r->open[r->depth].keyed;
}

static bool on_scalar(Reader *r, const yaml_event_t *ev)
{
    Str  s = { (const char *)ev->data.scalar.value, ev->data.scalar.length };
    bool is_plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (wants_key(r))
        return on_key(r, s, is_plain);
    Json *v = node_new(r, JSON_STRING);
    if (v == NULL)
        return false;
    if (is_plain ? !plain(r, s, v) : !quoted(r, s, v))
        return false;
    if (r->depth == 0 && is_plain && s.n == 0)
        v->type = JSON_OBJECT;                        /* an empty document */
    return hang(r, v);
}

static bool on_open(Reader *r, JsonType type)
{
    if (wants_key(r))
        return fail_here(r, "a key must be a plain word, not a list or a mapping");
    if (r->depth == YAML_DEPTH_MAX)
        return err_line(r->e, r->line, "nested deeper than %d", YAML_DEPTH_MAX);
    Json *v = node_new(r, type);
    if (v == NULL)
        return false;
    hang(r, v);
    r->open[++r->depth] = (Open){ .node = v, .key = S("") };
    return true;
}

/* ---- events */

static bool untagged(Reader *r, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        return fail_here(r, "anchors are not allowed; write the value out where it is used");
    return tag == NULL || err_line(r->e, r->line, "the tag '%.80s' is not allowed", (const char *)tag);
}

static bool on_document(Reader *r, const yaml_event_t *ev)
{
    const yaml_version_directive_t *v = ev->data.document_start.version_directive;
    if (v != NULL && (v->major != 1 || v->minor != 2))
        return err_line(r->e, r->line, "YAML %d.%d is not read here; 1.2 is", v->major, v->minor);
    if (ev->data.document_start.tag_directives.start != ev->data.document_start.tag_directives.end)
        return fail_here(r, "tag directives are not allowed");
    return true;
}

static bool on_event(Reader *r, const yaml_event_t *ev)
{
    walk_to(r, ev->start_mark.index);
    switch (ev->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, ev);
    case YAML_ALIAS_EVENT:
        return fail_here(r, "aliases are not allowed; write the value out");
    case YAML_SCALAR_EVENT:
        return untagged(r, ev->data.scalar.anchor, ev->data.scalar.tag) && on_scalar(r, ev);
    case YAML_SEQUENCE_START_EVENT:
        return untagged(r, ev->data.sequence_start.anchor, ev->data.sequence_start.tag) && on_open(r, JSON_ARRAY);
    case YAML_MAPPING_START_EVENT:
        return untagged(r, ev->data.mapping_start.anchor, ev->data.mapping_start.tag) && on_open(r, JSON_OBJECT);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        r->depth--;
        return true;
    default:
        return true;
    }
}

static bool read_all(Reader *r)
{
    for (bool end = false; !end;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(&r->parser, &ev))
            return parser_error(r);
        end = ev.type == YAML_STREAM_END_EVENT;
        bool ok = on_event(r, &ev);
        yaml_event_delete(&ev);
        if (!ok)
            return false;
    }
    return true;
}

/* libyaml breaks lines at NEL, LS and PS as YAML 1.1 did; 1.2 does not.  Where readers differ we read nothing. */
static bool no_old_breaks(Str text, Err *e)
{
    for (size_t i = 0; i + 1 < text.n; i++) {
        const char *p = text.p + i;
        bool nel = p[0] == '\xC2' && p[1] == '\x85';
        bool separator = i + 2 < text.n && p[0] == '\xE2' && p[1] == '\x80' && (p[2] == '\xA8' || p[2] == '\xA9');
        if (nel || separator)
            return err_line(e, line_of(text, i), "holds a Unicode line separator; write it as an escape");
    }
    return true;
}

Json *yaml_parse_all(Arena *a, Str text, Err *e)
{
    if (text.n > YAML_BYTES_MAX)
        return err_set(e, E_LIMIT, "more than %d bytes of YAML", YAML_BYTES_MAX), NULL;
    Reader *r = arena_get(a, 1, sizeof *r);
    if (r == NULL || !yaml_parser_initialize(&r->parser))
        return err_nomem(e), NULL;
    r->a = a, r->e = e, r->text = text, r->line = 1;
    yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
    r->at = str_starts(text, S("\xEF\xBB\xBF")) ? 3 : 0; /* libyaml would take a directive behind it for text */
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.p + r->at, text.n - r->at);
    Json *all = node_new(r, JSON_ARRAY);
    r->open[0] = (Open){ .node = all, .key = S("") };
    bool ok = all != NULL && no_old_breaks(text, e) && read_all(r);
    yaml_parser_delete(&r->parser);
    return ok ? all : NULL;
}

Json *yaml_parse(Arena *a, Str text, Err *e)
{
    Json *all = yaml_parse_all(a, text, e);
    if (all == NULL)
        return NULL;
    if (all->count > 1)
        return err_line(e, all->first->next->line, "a second document starts here; only one is expected"), NULL;
    if (all->count == 0)
        all->type = JSON_OBJECT;
    return all->count ? all->first : all;
}
