/* hcl.c - see hcl.h. */
#include "format/hcl.h"
#include <ctype.h>

typedef struct Hcl {
    Arena   *arena;
    Str      text;
    size_t   at;
    uint64_t line;
    Err     *e;
} Hcl;

static int peek(const Hcl *h, size_t ahead) { return h->at + ahead < h->text.n ? (unsigned char)h->text.p[h->at + ahead] : -1; }

static int next(Hcl *h)
{
    int c = peek(h, 0);
    if (c == '\n')
        h->line++;
    if (c >= 0)
        h->at++;
    return c;
}

static bool is_word(int c) { return c > 0 && (isalnum(c) || c == '_' || c == '-' || c == '.' || c >= 0x80); }

/* ---- what may stand anywhere: comments, strings, heredocs */

static bool block_comment(Hcl *h)
{
    uint64_t start = h->line;
    for (h->at += 2; peek(h, 0) >= 0; next(h))
        if (peek(h, 0) == '*' && peek(h, 1) == '/')
            return h->at += 2, true;
    return err_line(h->e, start, "comment is not closed");
}

/* At a comment: skips it (a line comment up to its newline).  False only on error; *was says whether there was one. */
static bool comment(Hcl *h, bool *was)
{
    int c = peek(h, 0), d = peek(h, 1);
    *was = c == '#' || (c == '/' && (d == '/' || d == '*'));
    if (*was && c == '/' && d == '*')
        return block_comment(h);
    while (*was && peek(h, 0) >= 0 && peek(h, 0) != '\n')
        next(h);
    return true;
}

/* Where a string is: in its text, or in a template ${...} or %{...}, which may hold strings of its own. */
typedef struct Template {
    int      depth;                                    /* of template braces                               */
    uint64_t inner;                                    /* bit d: in a string inside template depth d       */
} Template;

static bool in_text(const Template *t) { return t->depth == 0 || (t->inner >> t->depth & 1); }

static void enter_template(Template *t) { t->inner &= ~(1ull << ++t->depth); }

/* Behind c, which is no quote that ends the whole string. */
static void template_step(Hcl *h, Template *t, int c)
{
    bool text = in_text(t), room = t->depth < HCL_DEPTH;
    if (text && (c == '$' || c == '%') && peek(h, 0) == '{' && room)
        next(h), enter_template(t);
    else if (!text && c == '}')
        t->depth--;
    else if (!text && c == '{' && room)
        enter_template(t);
    else if (c == '"')
        t->inner ^= 1ull << t->depth;
}

/* At the opening quote; steps behind the closing one. */
static bool quoted(Hcl *h)
{
    uint64_t start = h->line;
    Template t = { 0 };
    next(h);
    for (int c; (c = peek(h, 0)) >= 0;) {
        if (c == '\n' && in_text(&t))
            break;
        next(h);
        if (c == '"' && t.depth == 0)
            return true;
        if (c == '\\' && in_text(&t))
            next(h);
        else
            template_step(h, &t, c);
    }
    return err_line(h->e, start, "string is not closed");
}

/* At "<<" or "<<-" of a heredoc: steps behind its last line's marker.  False with nothing moved: a shift, not a heredoc. */
static bool is_heredoc(const Hcl *h)
{
    size_t skip = peek(h, 2) == '-' ? 3 : 2;
    int    c = peek(h, skip);
    return peek(h, 0) == '<' && peek(h, 1) == '<' && c > 0 && (isalpha(c) || c == '_');
}

static bool heredoc(Hcl *h)
{
    uint64_t start = h->line;
    h->at += peek(h, 2) == '-' ? 3 : 2;
    size_t begin = h->at;
    while (is_word(peek(h, 0)))
        next(h);
    Str marker = { h->text.p + begin, h->at - begin }, line, rest;
    while (peek(h, 0) >= 0 && peek(h, 0) != '\n')
        next(h);
    while (next(h) == '\n') {
        str_cut(str_from(h->text, h->at), '\n', &line, &rest);
        h->at += line.n;
        if (str_eq(str_trim(line), marker))
            return true;
    }
    return err_line(h->e, start, "heredoc %.*s is not closed", STR(marker));
}

/* ---- plain strings, decoded */

static bool unescape(Buf *b, Str s, size_t *i)
{
    static const char from[] = "nrt\"\\", to[] = "\n\r\t\"\\";
    const char       *hit = *i + 1 < s.n && s.p[*i + 1] ? strchr(from, s.p[*i + 1]) : NULL;
    if (hit == NULL)
        return false;                                  /* \uNNNN and what is not known: not plain */
    buf_byte(b, (uint8_t)to[hit - from]);
    ++*i;
    return true;
}

/* The text of "..." when it holds no template; p NULL otherwise. */
static Str plain(Arena *a, Str raw)
{
    defer_buf Buf b = { 0 };
    const Str     none = { NULL, 0 };
    if (raw.n < 2 || raw.p[0] != '"' || raw.p[raw.n - 1] != '"')
        return none;
    for (size_t i = 1; i < raw.n - 1; i++) {
        char c = raw.p[i];
        if (c == '"' || ((c == '$' || c == '%') && raw.p[i + 1] == '{'))
            return none;
        if (c != '\\')
            buf_byte(&b, (uint8_t)c);
        else if (!unescape(&b, raw, &i))
            return none;
    }
    return b.bad ? none : arena_str(a, buf_view(&b));
}

/* ---- expressions: to the end of the line, but not inside brackets */

static bool expression(Hcl *h, Str *out)
{
    size_t   begin = h->at, depth = 0, end = begin;
    uint64_t start = h->line;
    for (int c; (c = peek(h, 0)) >= 0;) {
        bool was;
        if (depth == 0 && (c == '\n' || c == '}' || c == ','))
            break;
        if (!comment(h, &was))
            return false;
        if (was)
            continue;
        if (c == '"' ? !quoted(h) : is_heredoc(h) ? !heredoc(h) : (next(h), false))
            return false;
        depth += c == '(' || c == '[' || c == '{';
        if (c == ')' || c == ']' || c == '}')
            depth -= depth > 0;
        end = h->at;
    }
    if (depth > 0)
        return err_line(h->e, start, "bracket is not closed");
    *out = str_trim((Str){ h->text.p + begin, end - begin });
    return true;
}

/* ---- bodies */

static bool body(Hcl *h, HclBlock *into, int depth);

static Str word(Hcl *h)
{
    size_t begin = h->at;
    while (is_word(peek(h, 0)))
        next(h);
    return (Str){ h->text.p + begin, h->at - begin };
}

static void blanks(Hcl *h)
{
    while (peek(h, 0) == ' ' || peek(h, 0) == '\t' || peek(h, 0) == '\r')
        next(h);
}

static bool skip_line(Hcl *h, HclBlock *into)
{
    Str ignored;
    into->skipped++;
    if (peek(h, 0) == ',')
        next(h);
    return expression(h, &ignored);
}

static bool attribute(Hcl *h, HclBlock *into, HclAttr ***tail, Str name)
{
    HclAttr *attr = arena_get(h->arena, 1, sizeof *attr);
    if (attr == NULL)
        return err_nomem(h->e);
    attr->name = name, attr->line = h->line;
    next(h);                                           /* the '=' */
    if (!expression(h, &attr->raw))
        return false;
    attr->text = plain(h->arena, attr->raw);
    **tail = attr, *tail = &attr->next;
    (void)into;
    return true;
}

/* Labels up to the '{'.  *opened is false when this is no block after all. */
static bool labels(Hcl *h, HclBlock *b, bool *opened)
{
    for (;;) {
        blanks(h);
        size_t begin = h->at;
        Str    label;
        if (peek(h, 0) == '"') {
            if (!quoted(h))
                return false;
            label = (Str){ h->text.p + begin + 1, h->at - begin - 2 };
        } else {
            label = word(h);
        }
        if (h->at == begin)
            break;
        if (b->label_count < HCL_LABELS)
            b->labels[b->label_count++] = label;
    }
    *opened = peek(h, 0) == '{';
    return true;
}

static bool block(Hcl *h, HclBlock *into, HclBlock ***tail, Str type, uint64_t line, int depth)
{
    bool      opened;
    HclBlock *b = arena_get(h->arena, 1, sizeof *b);
    if (b == NULL)
        return err_nomem(h->e);
    b->type = type, b->line = line;
    if (!labels(h, b, &opened))
        return false;
    if (!opened)
        return skip_line(h, into);
    if (depth >= HCL_DEPTH)
        return err_line(h->e, line, "blocks are nested deeper than %d", HCL_DEPTH);
    next(h);
    **tail = b, *tail = &b->next;
    if (!body(h, b, depth + 1))
        return false;
    return next(h) == '}' || err_line(h->e, line, "block '%.*s' is not closed", STR(type));
}

static bool item(Hcl *h, HclBlock *into, HclAttr ***attrs, HclBlock ***blocks, int depth)
{
    uint64_t line = h->line;
    Str      name = word(h);
    if (name.n == 0)
        return skip_line(h, into);
    blanks(h);
    if (peek(h, 0) == '=' && peek(h, 1) != '=')
        return attribute(h, into, attrs, name);
    return block(h, into, blocks, name, line, depth);
}

static bool body(Hcl *h, HclBlock *into, int depth)
{
    HclAttr  **attrs = &into->attrs;
    HclBlock **blocks = &into->blocks;
    for (int c; (c = peek(h, 0)) >= 0;) {
        bool was;
        if (c == '}' && depth > 0)
            return true;
        if (!comment(h, &was))
            return false;
        if (was)
            continue;
        if (isspace(c) || c == '}')
            next(h);
        else if (!item(h, into, &attrs, &blocks, depth))
            return false;
    }
    return true;
}

HclBlock *hcl_parse(Arena *a, Str text, Err *e)
{
    Hcl       h = { a, text, 0, 1, e };
    HclBlock *root = arena_get(a, 1, sizeof *root);
    if (root == NULL)
        return err_nomem(e), NULL;
    root->line = 1;
    if (str_starts(text, S("\xEF\xBB\xBF")))
        h.at = 3;
    return body(&h, root, 0) ? root : NULL;
}

const HclAttr *hcl_attr(const HclBlock *b, const char *name)
{
    for (const HclAttr *a = b->attrs; a != NULL; a = a->next)
        if (str_is(a->name, name))
            return a;
    return NULL;
}

const HclBlock *hcl_block(const HclBlock *b, const char *type)
{
    for (const HclBlock *i = b->blocks; i != NULL; i = i->next)
        if (str_is(i->type, type))
            return i;
    return NULL;
}
