/* predicate.c - see predicate.h. */
#include "data/predicate.h"
#include "format/json.h"

typedef enum { P_OR, P_AND, P_NOT, P_EQ, P_NE, P_LT, P_LE, P_GT, P_GE, P_HOLDS, P_EMPTY } Op;

struct Predicate {
    Op               op;
    const Predicate *a, *b;                            /* P_OR, P_AND, P_NOT */
    size_t           column;
    Str              text;
    double           number;
    bool             is_number;
};

/* ---- words */

typedef enum { T_END, T_WORD, T_COLUMN, T_TEXT, T_NUMBER, T_SIGN, T_BAD } TokenKind;
typedef struct Token {
    TokenKind kind;
    Str       text;                                    /* without quotes, still doubled inside */
    size_t    at;
    double    number;
} Token;

typedef struct Reader {
    Arena     *arena;
    Str        all;
    size_t     at;
    Token      next;
    const Str *column;
    size_t     columns;
    Err       *e;
} Reader;

static bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || (c & 0x80); }

/* The rest of a quoted piece; a doubled quote goes on. */
static Token quoted(Reader *r, char quote, TokenKind kind)
{
    Token t = { kind, { r->all.p + r->at + 1, 0 }, r->at, 0 };
    for (r->at++; r->at < r->all.n; r->at++, t.text.n++) {
        if (r->all.p[r->at] != quote)
            continue;
        if (r->at + 1 >= r->all.n || r->all.p[r->at + 1] != quote)
            return r->at++, t;
        r->at++, t.text.n++;
    }
    return t.kind = T_BAD, t;
}

static Token word(Reader *r)
{
    Token t = { T_WORD, { r->all.p + r->at, 0 }, r->at, 0 };
    bool  number = strchr("0123456789+-.", r->all.p[r->at]) != NULL;
    for (bool first = true; r->at < r->all.n; r->at++, t.text.n++, first = false) {
        char c = r->all.p[r->at], before = first ? 'e' : r->all.p[r->at - 1];
        if (!is_word(c) && !(number && (c == '+' || c == '-') && (before == 'e' || before == 'E')))
            break;
    }
    if (number)
        t.kind = number_f64(t.text, &t.number) ? T_NUMBER : T_BAD;
    return t;
}

static Token sign(Reader *r)
{
    static const char *const signs[] = { "!=", "<=", ">=", "=", "<", ">", "~", "(", ")", "," };
    Token t = { T_BAD, { r->all.p + r->at, 1 }, r->at, 0 };
    for (size_t i = 0; i < len_of(signs); i++)
        if (str_starts(str_from(r->all, r->at), str(signs[i]))) {
            t.kind = T_SIGN, t.text.n = strlen(signs[i]);
            r->at += t.text.n;
            break;
        }
    return t;
}

static void advance(Reader *r)
{
    while (r->at < r->all.n && strchr(" \t\r\n", r->all.p[r->at]) && r->all.p[r->at])
        r->at++;
    if (r->at == r->all.n)
        r->next = (Token){ .kind = T_END, .at = r->at };
    else if (r->all.p[r->at] == '\'' || r->all.p[r->at] == '"')
        r->next = quoted(r, r->all.p[r->at], r->all.p[r->at] == '"' ? T_COLUMN : T_TEXT);
    else if (is_word(r->all.p[r->at]) || r->all.p[r->at] == '+' || r->all.p[r->at] == '-')
        r->next = word(r);
    else
        r->next = sign(r);
}

static bool take(Reader *r, TokenKind kind, const char *text)
{
    if (r->next.kind != kind || !str_is(r->next.text, text))
        return false;
    advance(r);
    return true;
}

static Predicate *wrong(Reader *r, const char *want)
{
    Str near = str_from(r->all, r->next.at);
    err_set(r->e, E_USAGE, "condition, byte %zu: %s is wanted before '%.*s'", r->next.at + 1, want, (int)(near.n < 40 ? near.n : 40), near.p);
    return NULL;
}

/* Quotes that were doubled stand once. */
static Str undouble(Arena *a, Str s, char quote)
{
    Str   copy = arena_str(a, s);
    char *to = (char *)(uintptr_t)copy.p;
    if (to == NULL)
        return copy;
    for (size_t i = 0; i < s.n; i++) {
        *to++ = s.p[i];
        i += s.p[i] == quote;
    }
    return (Str){ copy.p, (size_t)(to - copy.p) };
}

/* ---- the tree */

static Predicate *node(Reader *r, Op op, const Predicate *a, const Predicate *b)
{
    Predicate *p = arena_get(r->arena, 1, sizeof *p);
    if (p == NULL)
        err_nomem(r->e);
    else
        p->op = op, p->a = a, p->b = b;
    return p;
}

static Predicate *any_of(Reader *r, unsigned depth);

static bool value(Reader *r, Predicate *p)
{
    Token t = r->next;
    if (t.kind != T_TEXT && t.kind != T_NUMBER)
        return wrong(r, "a number or a 'text'") != NULL;
    p->is_number = t.kind == T_NUMBER, p->number = t.number;
    p->text = p->is_number ? t.text : undouble(r->arena, t.text, '\'');
    if (p->text.p == NULL)
        return err_nomem(r->e);
    advance(r);
    return true;
}

static Predicate *one(Reader *r, Op op, size_t column)
{
    Predicate *p = node(r, op, NULL, NULL);
    if (p == NULL)
        return NULL;
    p->column = column;
    if (!value(r, p))
        return NULL;
    return op != P_HOLDS || !p->is_number ? p : wrong(r, "a 'text' after ~");
}

static Predicate *list(Reader *r, size_t column)
{
    Predicate *all = NULL;
    if (!take(r, T_SIGN, "("))
        return wrong(r, "'('");
    do {
        Predicate *p = one(r, P_EQ, column);
        all = p == NULL ? NULL : all == NULL ? p : node(r, P_OR, all, p);
        if (all == NULL)
            return NULL;
    } while (take(r, T_SIGN, ","));
    return take(r, T_SIGN, ")") ? all : wrong(r, "')'");
}

static Predicate *emptiness(Reader *r, size_t column)
{
    bool       not = take(r, T_WORD, "not");
    Predicate *p = node(r, P_EMPTY, NULL, NULL);
    if (p == NULL)
        return NULL;
    p->column = column;
    if (!take(r, T_WORD, "empty"))
        return wrong(r, "'empty'");
    return not ? node(r, P_NOT, p, NULL) : p;
}

static bool find_column(Reader *r, size_t *out)
{
    Str name = r->next.kind == T_COLUMN ? undouble(r->arena, r->next.text, '"') : r->next.text;
    if (name.p == NULL && name.n)
        return err_nomem(r->e);
    if (r->next.kind != T_COLUMN && r->next.kind != T_WORD)
        return wrong(r, "a column") != NULL;
    for (*out = 0; *out < r->columns; ++*out)
        if (str_eq(name, r->column[*out]))
            return advance(r), true;
    return err_set(r->e, E_USAGE, "condition, byte %zu: there is no column '%.*s'", r->next.at + 1, (int)(name.n < 80 ? name.n : 80), name.p);
}

static Predicate *test(Reader *r)
{
    static const struct { const char *sign; Op op; } ops[] = { { "=", P_EQ }, { "!=", P_NE }, { "<", P_LT }, { "<=", P_LE },
                                                               { ">", P_GT }, { ">=", P_GE }, { "~", P_HOLDS } };
    size_t column = 0;
    if (!find_column(r, &column))
        return NULL;
    for (size_t i = 0; i < len_of(ops); i++)
        if (take(r, T_SIGN, ops[i].sign))
            return one(r, ops[i].op, column);
    if (take(r, T_WORD, "in"))
        return list(r, column);
    return take(r, T_WORD, "is") ? emptiness(r, column) : wrong(r, "one of = != < <= > >= ~ in is");
}

static Predicate *negated(Reader *r, unsigned depth)
{
    if (depth > PREDICATE_DEPTH)
        return err_set(r->e, E_LIMIT, "condition: more than %d brackets deep", PREDICATE_DEPTH), NULL;
    if (take(r, T_WORD, "not")) {
        Predicate *p = negated(r, depth + 1);
        return p ? node(r, P_NOT, p, NULL) : NULL;
    }
    if (!take(r, T_SIGN, "("))
        return test(r);
    Predicate *p = any_of(r, depth + 1);
    return p == NULL || take(r, T_SIGN, ")") ? p : wrong(r, "')'");
}

static Predicate *all_of(Reader *r, unsigned depth)
{
    Predicate *p = negated(r, depth);
    while (p != NULL && take(r, T_WORD, "and")) {
        Predicate *q = negated(r, depth);
        p = q ? node(r, P_AND, p, q) : NULL;
    }
    return p;
}

static Predicate *any_of(Reader *r, unsigned depth)
{
    Predicate *p = all_of(r, depth);
    while (p != NULL && take(r, T_WORD, "or")) {
        Predicate *q = all_of(r, depth);
        p = q ? node(r, P_OR, p, q) : NULL;
    }
    return p;
}

Predicate *predicate_parse(Arena *a, Str text, const Str *column, size_t columns, Err *e)
{
    Reader r = { .arena = a, .all = text, .column = column, .columns = columns, .e = e };
    if (text.n > PREDICATE_BYTES)
        return err_set(e, E_LIMIT, "condition: longer than %d bytes", PREDICATE_BYTES), NULL;
    advance(&r);
    Predicate *p = any_of(&r, 0);
    if (p != NULL && r.next.kind != T_END)
        return wrong(&r, "'and', 'or' or the end");
    return p;
}

/* ---- asking */

static bool compare(Op op, int cmp)
{
    switch (op) {
    case P_EQ: return cmp == 0;
    case P_NE: return cmp != 0;
    case P_LT: return cmp < 0;
    case P_LE: return cmp <= 0;
    case P_GT: return cmp > 0;
    default:   return cmp >= 0;
    }
}

static bool tests(const Predicate *p, Str cell)
{
    double v;
    if (p->op == P_EMPTY)
        return cell.n == 0;
    if (p->op == P_HOLDS)
        return p->text.n == 0 || (cell.n && memmem(cell.p, cell.n, p->text.p, p->text.n) != NULL);
    if (!p->is_number)
        return compare(p->op, str_cmp(cell, p->text));
    if (!number_f64(str_trim(cell), &v) || v != v)
        return p->op == P_NE;
    return compare(p->op, (v > p->number) - (v < p->number));
}

/* Lists of and, or and in lean to the left as far as they are long: the left side is walked, not called. */
bool predicate_holds(const Predicate *p, const Str *cell)
{
    for (; p->op == P_OR || p->op == P_AND; p = p->a)
        if (predicate_holds(p->b, cell) == (p->op == P_OR))
            return p->op == P_OR;
    return p->op == P_NOT ? !predicate_holds(p->a, cell) : tests(p, cell[p->column]);
}
