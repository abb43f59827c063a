/* write.c - what was found, as a moat.yaml that people want to keep: every part with its evidence in a comment above it. */
#include "pipeline/key.h"

/* Text as a quoted scalar; JSON's escapes are YAML's too. */
static void put_text(Buf *b, const char *key, Str v)
{
    JsonOut w = json_out(b);
    if (v.n == 0)
        return;
    buf_printf(b, "    %s: ", key);
    json_put_str(&w, v);
    buf_byte(b, '\n');
}

static void put_list(Buf *b, const char *key, const StrList *l)
{
    if (l->n == 0)
        return;
    buf_printf(b, "    %s: [", key);
    for (size_t i = 0; i < l->n; i++)
        buf_printf(b, "%s%.*s", i ? ", " : "", STR(l->v[i]));
    buf_z(b, "]\n");
}

/* Comments hold names of other people's files: one line, printable. */
static void put_comment(Buf *b, const char *indent, Str text)
{
    buf_printf(b, "%s# ", indent);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        buf_byte(b, c < ' ' || c == 127 || (c == 0xC2 && i + 1 < text.n && (unsigned char)text.p[i + 1] < 0xA0) ? '?' : c);
    }
    buf_byte(b, '\n');
}

static void put_evidence(Buf *b, const Found *f)
{
    defer_buf Buf text = { 0 };
    bool          itself = f->line == 0 && (str_eq(f->file, f->path) || f->file.n == 0);
    if (!itself)
        buf_str(&text, f->file);
    if (f->line > 0)
        buf_printf(&text, ":%" PRIu64, f->line);
    buf_printf(&text, "%s%.*s", text.n ? ": " : "", STR(f->why));
    put_comment(b, "  ", buf_view(&text));
}

static void put_part(Buf *b, const Found *f)
{
    bool model = strcmp(f->section, "models") == 0, endpoint = strcmp(f->section, "endpoints") == 0;
    put_evidence(b, f);
    buf_printf(b, "  %.*s:\n", STR(f->name));
    put_text(b, "kind", f->kind);
    put_text(b, "path", f->path);
    put_text(b, "uri", f->uri);
    if (!model)
        put_text(b, "format", f->format);
    put_text(b, "route", f->route);
    put_text(b, "resource", f->resource);
    put_list(b, "from", &f->from);
    put_list(b, "hosts", &f->hosts);
    if (f->model.n > 0)
        buf_printf(b, "    model: %.*s\n", STR(f->model));
    else if (endpoint)
        buf_z(b, "    # model: NAME              the model behind it\n");
    if (f->upstream.n > 0)
        put_text(b, "upstream", f->upstream);
    else if (endpoint)
        buf_z(b, "    # upstream: http://127.0.0.1:8501\n");
    if (model)
        buf_z(b, "    # signer: KEY.pub          who must have signed it: moat model sign\n");
}

static void put_notes(Buf *b, const Discovery *d)
{
    if (d->notes.n == 0)
        return;
    buf_z(b, "\n# Seen and left out:\n");
    for (size_t i = 0; i < d->notes.n; i++)
        put_comment(b, "", d->notes.v[i]);
}

bool pipeline_write(const Discovery *d, Str name, Buf *out)
{
    const char *section = "";
    buf_z(out, "# What `moat init` found below this folder; the comment above a part is where.  Correct it, add what it could not\n"
               "# know (`moat help config` explains every key), then: moat map, moat check.\n"
               "moat: 1\n");
    JsonOut w = json_out(out);
    buf_z(out, "name: ");
    json_put_str(&w, name);
    buf_byte(out, '\n');
    for (size_t i = 0; i < d->n; i++) {
        if (strcmp(section, d->v[i].section) != 0)
            buf_printf(out, "\n%s:\n", d->v[i].section);
        section = d->v[i].section;
        put_part(out, &d->v[i]);
    }
    put_notes(out, d);
    return !out->bad;
}
