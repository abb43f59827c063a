/* note.c - signed notes: see note.h. */
#include "crypto/note.h"

static const char dash[] = "\xE2\x80\x94 ";            /* U+2014 and a space */

enum { KEY_ID = 4, NAME_MAX_BYTES = 1024, COSIGN_TIME = 8 };

typedef struct Line {                                  /* one signature line */
    Str name, base64;
} Line;

/* ---- names and keys */

/* Blanks of Unicode (White_Space) as UTF-8, besides the ASCII ones. */
static const char *const blanks[] = {
    "\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85",
    "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
    "\xE3\x80\x80",
};

bool note_name_ok(Str name)
{
    if (name.n == 0 || name.n > NAME_MAX_BYTES || !str_utf8(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((uint8_t)name.p[i] <= ' ' || name.p[i] == '+' || name.p[i] == 0x7F)
            return false;
    for (size_t i = 0; i < len_of(blanks); i++)
        if (memmem(name.p, name.n, blanks[i], strlen(blanks[i])) != NULL)
            return false;
    return true;
}

Verifier verifier_of(Str name, const Key *key)
{
    return (Verifier){ name, key_kind(key) == KEY_ED25519 ? NOTE_ED25519 : NOTE_ECDSA, key };
}

/* The key as its type writes it: 32 bytes, or SubjectPublicKeyInfo. */
static bool put_key(const Verifier *v, Buf *out)
{
    uint8_t raw[32];
    if (v->type == NOTE_ECDSA)
        return key_public_der(v->key, out);
    if (!key_public_raw(v->key, raw))
        return false;
    buf_put(out, raw, sizeof raw);
    return !out->bad;
}

void note_key_id(const Verifier *v, uint8_t out[static 4])
{
    defer_buf Buf key = { 0 };
    uint8_t       type = (uint8_t)v->type;
    if (!put_key(v, &key))
        abort();                                       /* a verifier whose type does not go with its key is our mistake */
    Digest d = v->type == NOTE_ECDSA ? sha256(buf_view(&key))
                                     : sha256_of((Str[]){ v->name, S("\n"), { (char *)&type, 1 }, buf_view(&key) }, 4);
    memcpy(out, d.b, KEY_ID);
}

bool verifier_put(const Verifier *v, Buf *out)
{
    defer_buf Buf key = { 0 };
    uint8_t       id[KEY_ID];
    note_key_id(v, id);
    buf_byte(&key, (uint8_t)v->type);
    if (!put_key(v, &key))
        return false;
    buf_printf(out, "%.*s+%02x%02x%02x%02x+", STR(v->name), id[0], id[1], id[2], id[3]);
    base64_put(out, buf_view(&key));
    return !out->bad;
}

/* The last '+' but one ends the name: base64 may hold more of them, so the cut is from the left. */
bool verifier_parse(Str text, Verifier *out, Key **key, Err *e)
{
    Str           name, rest, id, base64;
    defer_buf Buf want = { 0 }, bytes = { 0 };
    uint8_t       have[KEY_ID];
    *key = NULL;
    if (!str_cut(text, '+', &name, &rest) || !str_cut(rest, '+', &id, &base64) || !note_name_ok(name))
        return err_set(e, E_FORMAT, "verifier key: wants NAME+ID+KEY");
    if (id.n != 2 * KEY_ID || !hex_get(&want, id) || base64.n > NAME_MAX_BYTES || !base64_get(&bytes, base64) || bytes.n != 33)
        return err_set(e, E_FORMAT, "verifier key of %.*s: the id or the key is misspelt", STR(name));
    NoteType type = (NoteType)bytes.p[0];
    if (type != NOTE_ED25519 && type != NOTE_COSIGNATURE)
        return err_set(e, E_CRYPTO, "verifier key of %.*s: its type %d is not used here", STR(name), (int)bytes.p[0]);
    *key = key_of_raw((const uint8_t *)bytes.p + 1, e);
    if (*key == NULL)
        return err_in(e, "verifier key of %.*s", STR(name));
    *out = (Verifier){ name, type, *key };
    note_key_id(out, have);
    if (memcmp(have, want.p, KEY_ID) == 0)
        return true;
    key_free(*key);
    *key = NULL;
    return err_set(e, E_FORMAT, "verifier key of %.*s: the id does not belong to the key", STR(name));
}

/* ---- reading */

/* Splits at the last empty line; false when there is none. */
static bool split(Str note, Str *text, Str *lines)
{
    for (size_t i = note.n; i-- > 1;)
        if (note.p[i] == '\n' && note.p[i - 1] == '\n') {
            *text = (Str){ note.p, i };
            *lines = str_from(note, i + 1);
            return true;
        }
    return false;
}

static bool controls_ok(Str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((uint8_t)s.p[i] < ' ' && s.p[i] != '\n')
            return false;
    return true;
}

/* The next signature line of *lines. */
static bool next_line(Str *lines, Line *out)
{
    Str line;
    if (!str_cut(*lines, '\n', &line, lines) || !str_starts(line, str(dash)))
        return false;
    return str_cut(str_from(line, strlen(dash)), ' ', &out->name, &out->base64) && note_name_ok(out->name);
}

/* Timestamped (c2sp.org/tlog-cosignature): eight bytes of time, then a signature over it and the text. */
static bool cosignature_ok(const Verifier *v, Str text, Str signature)
{
    Cur           c = cur_of(signature);
    defer_buf Buf message = { 0 };
    uint64_t      when = cur_be64(&c);
    if (c.bad || when > INT64_MAX)
        return false;
    buf_printf(&message, "cosignature/v1\ntime %" PRIu64 "\n", when);
    buf_str(&message, text);
    return !message.bad && key_verify(v->key, buf_view(&message), str_from(signature, COSIGN_TIME));
}

static bool signature_ok(const Verifier *v, Str text, Str signature)
{
    return v->type == NOTE_COSIGNATURE ? cosignature_ok(v, text, signature) : key_verify(v->key, text, signature);
}

/* Which of the known keys the line names; n when none. */
static size_t who(const Verifier *known, size_t n, Str name, Str id)
{
    uint8_t have[KEY_ID];
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(known[i].name, name))
            continue;
        note_key_id(&known[i], have);
        if (str_eq(id, (Str){ (char *)have, KEY_ID }))
            return i;
    }
    return n;
}

static bool judge_line(const Line *line, const Verifier *known, size_t n, Note *out, Err *e)
{
    defer_buf Buf bytes = { 0 };
    if (!base64_get(&bytes, line->base64) || bytes.n <= KEY_ID)
        return err_set(e, E_FORMAT, "note: the signature of %.*s is not base64", STR(line->name));
    size_t i = who(known, n, line->name, (Str){ bytes.p, KEY_ID });
    if (i == n)
        return true;
    if (!signature_ok(&known[i], out->text, str_from(buf_view(&bytes), KEY_ID)))
        return err_set(e, E_CRYPTO, "note: the signature of %.*s does not verify", STR(line->name));
    out->verified |= 1ull << i;
    return true;
}

bool note_open(Str note, const Verifier *known, size_t n, Note *out, Err *e)
{
    Line line;
    Note it = { 0 };
    Str  lines;
    assert(n <= 64);
    if (note.n > NOTE_LIMIT)
        return err_set(e, E_LIMIT, "note: larger than %d bytes", NOTE_LIMIT);
    if (!str_utf8(note) || !controls_ok(note))
        return err_set(e, E_FORMAT, "note: not plain text");
    if (!split(note, &it.text, &lines) || lines.n == 0)
        return err_set(e, E_FORMAT, "note: no signature lines behind an empty line");
    for (size_t count = 0; lines.n > 0; count++) {
        if (count == NOTE_SIGNATURES)
            return err_set(e, E_LIMIT, "note: more than %d signatures", NOTE_SIGNATURES);
        if (!next_line(&lines, &line))
            return err_set(e, E_FORMAT, "note: signature line %zu is malformed", count + 1);
        if (!judge_line(&line, known, n, &it, e))
            return false;
    }
    if (it.verified == 0)
        return err_set(e, E_CRYPTO, "note: not signed by the key that was expected");
    *out = it;
    return true;
}

/* ---- writing */

bool note_sign(Str text, const Verifier *signer, Buf *note, Err *e)
{
    defer_buf Buf bytes = { 0 };
    uint8_t       id[KEY_ID];
    if (text.n == 0 || text.p[text.n - 1] != '\n' || !str_utf8(text) || !controls_ok(text))
        return err_set(e, E_FORMAT, "note: not lines of plain text");
    if (!note_name_ok(signer->name))
        return err_set(e, E_USAGE, "'%.*s': a name that signs is not empty and has no blanks, controls or '+'", STR(signer->name));
    note_key_id(signer, id);
    buf_put(&bytes, id, sizeof id);
    if (!key_sign(signer->key, text, &bytes, e))
        return false;
    buf_str(note, text);
    buf_printf(note, "\n%s%.*s ", dash, STR(signer->name));
    base64_put(note, buf_view(&bytes));
    buf_byte(note, '\n');
    return !note->bad || err_nomem(e);
}
