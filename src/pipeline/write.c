/* write.c - what was found, as a moat.yaml that people want to keep: every part with its evidence in a comment above it. */
#include "pipeline/key.h"

/* Length of what stands at s.p[0] and is no JSON control, but a line break to YAML 1.1, a command to a terminal or refused by
 * libyaml: U+0080 to U+009F, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF.  0: an ordinary byte. */
static size_t odd_at(Str s, unsigned *code)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (s.n > 1 && p[0] == 0xC2 && p[1] < 0xA0)
        return *code = p[1], 2;
    if (s.n > 2 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9))
        return *code = 0x2000u + p[2] - 0x80, 3;
    bool mark = s.n > 2 && p[0] == 0xEF && ((p[1] == 0xBB && p[2] == 0xBF) || (p[1] == 0xBF && p[2] >= 0xBE));
    if (mark)
        return *code = 0xF000u + ((unsigned)(p[1] & 63) << 6) + (p[2] & 63), 3;
    return 0;
}

/* A quoted scalar; JSON's escapes are YAML's too.  The loader takes no control characters, escaped or not. */
static void put_quoted(Buf *b, Str v)
{
    defer_buf Buf json = { 0 }, plain = { 0 };
    JsonOut       w = json_out(&json);
    unsigned      code;
    for (size_t i = 0; i < v.n; i++)
        buf_byte(&plain, (unsigned char)v.p[i] < ' ' || v.p[i] == 127 ? '?' : (uint8_t)v.p[i]);
    json_put_str(&w, buf_view(&plain));
    for (Str rest = buf_view(&json); rest.n > 0;) {
        size_t n = odd_at(rest, &code);
        if (n > 0)
            buf_printf(b, "\\u%04x", code);
        else
            buf_byte(b, (uint8_t)rest.p[0]);
        rest = str_from(rest, n ? n : 1);
    }
    b->bad |= json.bad || plain.bad;
}

static void put_text(Buf *b, const char *key, Str v)
{
    if (v.n == 0)
        return;
    buf_printf(b, "    %s: ", key);
    put_quoted(b, v);
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
    unsigned code;
    bool     utf8 = str_utf8(text);
    buf_printf(b, "%s# ", indent);
    for (size_t n; text.n > 0; text = str_from(text, n ? n : 1)) {
        unsigned char c = (unsigned char)text.p[0];
        n = odd_at(text, &code);
        buf_byte(b, n || c < ' ' || c == 127 || (c >= 0x80 && !utf8) ? '?' : c);
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
    buf_z(out, "name: ");
    put_quoted(out, name);
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
