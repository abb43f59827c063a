/* discover_notebook.c - Jupyter notebooks: the code cells are read as Python, outputs and texts are no evidence. */
#include "pipeline/discover.h"
#include <ctype.h>

enum { CELL_LINES = 20000 };

typedef struct Cell {
    TextFile *t;
    uint64_t *lines;                                   /* of each line of the cell in the file */
    size_t    count;
} Cell;

static void cell_span(void *ctx, const Span *sp)
{
    Cell *c = ctx;
    Span  there = *sp;
    there.line = sp->line >= 1 && sp->line <= c->count ? c->lines[sp->line - 1] : 0;
    text_span(c->t, &there);
}

/* "!wget URL" is a command, "%%bash" makes the whole cell one; the rest is Python. */
static void read_lines(Cell *c, Str code)
{
    const Lang *python = lang_of(S("x.py")), *shell = lang_of(S("x.sh"));
    defer_buf Buf rest = { 0 };
    bool          all_shell = str_starts(code, S("%%bash")) || str_starts(code, S("%%sh"));
    Str           line, tail = code;
    uint64_t      n = 1;
    for (bool more = code.n > 0; more && !all_shell; n++) {
        more = str_cut(tail, '\n', &line, &tail);
        Str  trimmed = str_trim(line);
        bool command = str_starts(trimmed, S("!")) || str_starts(trimmed, S("%"));
        if (command)
            lex(shell, str_from(trimmed, 1), n, cell_span, c);
        else
            buf_str(&rest, line);
        buf_byte(&rest, '\n');
    }
    buf_byte(&rest, '\0');
    if (rest.bad)
        c->t->scan->bad = true;
    else
        lex(all_shell ? shell : python, all_shell ? code : (Str){ rest.p, rest.n - 1 }, 1, cell_span, c);
}

static void read_cell(TextFile *t, const Json *source)
{
    defer_buf Buf code = { 0 };
    Cell          c = { t, arena_get(t->arena, CELL_LINES, sizeof *c.lines), 0 };
    if (c.lines == NULL || source == NULL)
        return;
    if (source->type == JSON_STRING)
        buf_str(&code, source->text);
    for (const Json *l = source->type == JSON_ARRAY ? source->first : NULL; l != NULL; l = l->next) {
        for (size_t i = 0; i < l->text.n || i == 0; i++)
            if ((i == 0 || l->text.p[i - 1] == '\n') && c.count < CELL_LINES && l->text.n)
                c.lines[c.count++] = l->line;
        buf_str(&code, l->text);
    }
    for (; source->type == JSON_STRING && c.count < CELL_LINES; c.count++)
        c.lines[c.count] = source->line;
    buf_byte(&code, '\0');
    if (code.bad)
        t->scan->bad = true;
    else
        read_lines(&c, (Str){ code.p, code.n - 1 });
}

void read_notebook(TextFile *t, Str text)
{
    Err         e = { 0 };
    const Json *doc = json_parse(t->arena, text, JSON_GRAMMAR, &e), *cells = json_get(doc, "cells");
    if (doc == NULL)
        note(t->scan, t->path, e.line, "cannot be read as a notebook: %s", e.message);
    for (const Json *cell = cells ? cells->first : NULL; cell != NULL; cell = cell->next)
        if (str_is(json_text(json_get(cell, "cell_type"), S("")), "code"))
            read_cell(t, json_get(cell, "source"));
}
