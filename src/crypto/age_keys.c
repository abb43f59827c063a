/* age_keys.c - identities and recipients of age as text and files. */
#include "base/rng.h"
#include "crypto/age_own.h"
#include "crypto/bech32.h"
#include <fcntl.h>
#include <sys/stat.h>

enum { KEYS_FILE_MAX = 1 << 20 };

AgeIdentity age_identity_new(void)
{
    AgeIdentity id;
    random_bytes(id.scalar, sizeof id.scalar);
    return id;
}

bool age_recipient_parse(Str text, AgeRecipient *out, Err *e)
{
    if (bech32_get(text, S("age"), out->point, sizeof out->point))
        return true;
    err_set(e, E_USAGE, "not a recipient this can seal for: '%.*s'", (int)(text.n < AGE_TEXT ? text.n : AGE_TEXT), text.p);
    return err_hint(e, "an X25519 recipient reads age1... and is %d characters long", 62);
}

bool age_identity_parse(Str text, AgeIdentity *out, Err *e)
{
    return bech32_get(text, S("age-secret-key-"), out->scalar, sizeof out->scalar) ||
           err_set(e, E_FORMAT, "not an identity (AGE-SECRET-KEY-1...)");
}

static void text_of(const uint8_t *key, Str hrp, bool upper, char *out)
{
    Buf b = { 0 };
    bech32_put(&b, hrp, (Str){ (const char *)key, AGE_KEY }, upper);
    snprintf(out, AGE_TEXT, "%.*s", STR(buf_view(&b)));
    if (b.p != NULL)
        wipe(b.p, b.n);
    buf_free(&b);
}

void age_recipient_text(const AgeRecipient *r, char out[static AGE_TEXT]) { text_of(r->point, S("age"), false, out); }
void age_identity_text(const AgeIdentity *id, char out[static AGE_TEXT]) { text_of(id->scalar, S("age-secret-key-"), true, out); }

/* ---- files of them */

/* Calls fn for each line that is not blank or a comment. */
static bool each_line(Str text, const char *path, bool (*fn)(void *ctx, Str line, Err *e), void *ctx, Err *e)
{
    Str      line;
    uint64_t number = 0;
    for (bool more = true; more;) {
        more = str_cut(text, '\n', &line, &text);
        line = str_trim(line);
        number++;
        if (line.n > 0 && line.p[0] != '#' && !fn(ctx, line, e))
            return err_in(e, "%s:%" PRIu64, path, number);
    }
    return true;
}

static bool add_identity(void *ctx, Str line, Err *e)
{
    AgeIdentities *ids = ctx;
    AgeIdentity   *more = ids->n < AGE_RECIPIENTS_MAX ? realloc(ids->v, (ids->n + 1) * sizeof *more) : NULL;
    if (more == NULL)
        return err_set(e, E_LIMIT, "more than %d identities", AGE_RECIPIENTS_MAX);
    ids->v = more;
    return age_identity_parse(line, &ids->v[ids->n], e) && ++ids->n;
}

static bool only_owner(const char *path, Err *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return err_set(e, E_IO, "%s: %m", path);
    if (!(st.st_mode & 077))
        return true;
    err_set(e, E_DENIED, "%s: identity that others may reach (mode %04o)", path, st.st_mode & 07777);
    return err_hint(e, "chmod 600 %s", path);
}

bool age_identities_load(const char *path, AgeIdentities *out, Err *e)
{
    Str                text;
    defer_arena Arena *a = arena_new(4 * KEYS_FILE_MAX);
    *out = (AgeIdentities){ 0 };
    if (a == NULL)
        return err_nomem(e);
    if (!only_owner(path, e) || !file_read(a, path, KEYS_FILE_MAX, &text, e))
        return false;
    bool ok = each_line(text, path, add_identity, out, e);
    wipe((void *)text.p, text.n);
    if (ok && out->n == 0)
        ok = err_set(e, E_FORMAT, "%s: holds no identity (AGE-SECRET-KEY-1...)", path);
    if (!ok)
        age_identities_free(out);
    return ok;
}

void age_identities_free(AgeIdentities *ids)
{
    if (ids->v != NULL)
        wipe(ids->v, ids->n * sizeof *ids->v);
    free(ids->v);
    *ids = (AgeIdentities){ 0 };
}

bool age_identity_save(const char *path, const char *created, AgeRecipient *out, Err *e)
{
    char          text[AGE_TEXT];
    defer_buf Buf b = { 0 };
    AgeIdentity   id = age_identity_new();
    bool          ok = age_recipient_of(&id, out, e);
    age_recipient_text(out, text);
    buf_printf(&b, "# created: %s\n# public key: %s\n", created, text);
    age_identity_text(&id, text);
    buf_printf(&b, "%s\n", text);
    ok = ok && (!b.bad || err_nomem(e)) && file_create(path, buf_view(&b), 0600, e);
    wipe(&id, sizeof id), wipe(text, sizeof text);
    if (b.p != NULL)
        wipe(b.p, b.n);
    return ok;
}

typedef struct Recipients {
    AgeRecipient *v;
    size_t        n;
} Recipients;

static bool add_recipient(void *ctx, Str line, Err *e)
{
    Recipients *r = ctx;
    if (r->n == AGE_RECIPIENTS_MAX)
        return err_set(e, E_LIMIT, "more than %d recipients", AGE_RECIPIENTS_MAX);
    return age_recipient_parse(line, &r->v[r->n], e) && ++r->n;
}

bool age_recipients_load(Arena *a, const char *path, AgeRecipient **v, size_t *n, Err *e)
{
    Str        text;
    Recipients r = { .v = arena_get(a, AGE_RECIPIENTS_MAX, sizeof *r.v) };
    if (r.v == NULL)
        return err_nomem(e);
    if (!file_read(a, path, KEYS_FILE_MAX, &text, e) || !each_line(text, path, add_recipient, &r, e))
        return false;
    *v = r.v, *n = r.n;
    return r.n > 0 || err_set(e, E_FORMAT, "%s: holds no recipient (age1...)", path);
}
