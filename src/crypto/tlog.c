/* tlog.c - checkpoints and proof files: see note.h. */
#include "crypto/note.h"

static const char proof_head[] = "c2sp.org/tlog-proof@v1";

/* Decimal without leading zeros: one number, one spelling. */
static bool plain_u64(Str s, uint64_t *out) { return str_u64(s, out) && (s.n == 1 || s.p[0] != '0'); }

static bool hash_line(Str line, Digest *out)
{
    defer_buf Buf b = { 0 };
    if (line.n != 44 || !base64_get(&b, line) || b.n != sizeof out->b)
        return false;
    memcpy(out->b, b.p, sizeof out->b);
    return true;
}

bool checkpoint_parse(Str text, Checkpoint *out, Err *e)
{
    Str        size, root, line;
    Checkpoint c;
    if (!str_cut(text, '\n', &c.origin, &text) || c.origin.n == 0)
        return err_set(e, E_FORMAT, "checkpoint: no origin");
    if (!str_cut(text, '\n', &size, &text) || !plain_u64(size, &c.size) || c.size > INT64_MAX)
        return err_set(e, E_FORMAT, "checkpoint: its second line is not a tree size");
    if (!str_cut(text, '\n', &root, &text) || !hash_line(root, &c.root))
        return err_set(e, E_FORMAT, "checkpoint: its third line is not a root hash");
    while (text.n > 0)
        if (!str_cut(text, '\n', &line, &text) || line.n == 0)
            return err_set(e, E_FORMAT, "checkpoint: an extension line is empty or cut short");
    *out = c;
    return true;
}

bool checkpoint_peek(Str note, Checkpoint *out, Err *e)
{
    for (size_t i = 1; i < note.n && i < NOTE_LIMIT; i++)
        if (note.p[i] == '\n' && note.p[i - 1] == '\n')
            return checkpoint_parse((Str){ note.p, i }, out, e);
    return err_set(e, E_FORMAT, "checkpoint: no empty line behind its text");
}

bool checkpoint_open(Str note, Str origin, const Key *signer, const Verifier *witnesses, size_t n, Checkpoint *out, Err *e)
{
    Verifier   known[64];
    Checkpoint c, again;
    Note       opened;
    assert(n < len_of(known));
    if (!checkpoint_peek(note, &c, e))
        return false;
    if (origin.n && !str_eq(origin, c.origin))
        return err_set(e, E_CRYPTO, "checkpoint: of '%.*s', not of '%.*s'", STR(c.origin), STR(origin));
    known[0] = verifier_of(c.origin, signer);
    for (size_t i = 0; i < n; i++)
        known[i + 1] = witnesses[i];
    if (!note_open(note, known, n + 1, &opened, e) || !checkpoint_parse(opened.text, &again, e))
        return false;
    if (!(opened.verified & 1))
        return err_set(e, E_CRYPTO, "checkpoint: not signed by the key of the log");
    for (size_t i = 0; i < n; i++)
        if (!(opened.verified >> (i + 1) & 1))
            return err_set(e, E_CRYPTO, "checkpoint: not cosigned by %.*s", STR(witnesses[i].name));
    *out = again;
    return true;
}

bool checkpoint_sign(const Checkpoint *c, const Key *signer, Buf *note, Err *e)
{
    defer_buf Buf text = { 0 };
    Verifier      v = verifier_of(c->origin, signer);
    buf_printf(&text, "%.*s\n%" PRIu64 "\n", STR(c->origin), c->size);
    base64_put(&text, (Str){ (const char *)c->root.b, sizeof c->root.b });
    buf_byte(&text, '\n');
    if (text.bad)
        return err_nomem(e);
    return note_sign(buf_view(&text), &v, note, e) || err_in(e, "checkpoint");
}

/* ---- proof files */

/* "WORD value" off the front of *text; false leaves it as it was. */
static bool take_word(Str *text, Str word, Str *value)
{
    Str line, rest;
    if (!str_cut(*text, '\n', &line, &rest) || !str_starts(line, word))
        return false;
    *value = str_from(line, word.n);
    *text = rest;
    return true;
}

static bool parse_path(Str *text, Proof *p, Err *e)
{
    for (Str line; str_cut(*text, '\n', &line, text);) {
        if (line.n == 0)
            return true;
        if (p->len == MERKLE_PROOF_MAX)
            return err_set(e, E_LIMIT, "proof: more than %d hashes", MERKLE_PROOF_MAX);
        if (!hash_line(line, &p->path[p->len++]))
            return err_set(e, E_FORMAT, "proof: hash %zu is not one", p->len);
    }
    return err_set(e, E_FORMAT, "proof: no empty line behind the hashes");
}

bool proof_parse(Str text, Proof *out, Err *e)
{
    Str           value;
    defer_buf Buf extra = { 0 };
    *out = (Proof){ .extra = S("") };
    if (text.n > PROOF_LIMIT)
        return err_set(e, E_LIMIT, "proof: larger than %d bytes", PROOF_LIMIT);
    if (!take_word(&text, str(proof_head), &value) || value.n != 0)
        return err_set(e, E_FORMAT, "proof: does not begin with %s", proof_head);
    if (take_word(&text, S("extra "), &out->extra) && (out->extra.n == 0 || !base64_get(&extra, out->extra)))
        return err_set(e, E_FORMAT, "proof: its extra line is not base64");
    if (!take_word(&text, S("index "), &value) || !plain_u64(value, &out->index))
        return err_set(e, E_FORMAT, "proof: no index line");
    if (!parse_path(&text, out, e))
        return false;
    out->checkpoint = text;
    return text.n > 0 || err_set(e, E_FORMAT, "proof: ends without its checkpoint");
}

bool proof_put(const Proof *p, Buf *out)
{
    buf_printf(out, "%s\n", proof_head);
    if (p->extra.n) {
        buf_z(out, "extra ");
        buf_str(out, p->extra);
        buf_byte(out, '\n');
    }
    buf_printf(out, "index %" PRIu64 "\n", p->index);
    for (size_t i = 0; i < p->len; i++) {
        base64_put(out, (Str){ (const char *)p->path[i].b, sizeof p->path[i].b });
        buf_byte(out, '\n');
    }
    buf_byte(out, '\n');
    buf_str(out, p->checkpoint);
    return !out->bad;
}

bool proof_ok(const Proof *p, const Digest *leaf, const Checkpoint *c)
{
    return merkle_inclusion_ok(leaf, p->index, c->size, p->path, p->len, &c->root);
}
