/* keystore.c - see keystore.h. */
#include "gate/keystore.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLE_FILE_MAX = 1 << 30 };

struct KeyStore {
    Arena     *arena;
    char      *dir;
    int        lock;
    Key       *signer;
    uint8_t    pepper[PEPPER_SIZE];
    KeyRecord *records;
    size_t     count, cap;
    uint64_t   generation;
};

static char *path_of(Arena *a, const char *dir, const char *name) { return path_join(a, dir, str(name)); }

/* ---- pepper and keys */

static bool pepper_read(Arena *a, const char *path, uint8_t out[static PEPPER_SIZE], Err *e)
{
    struct stat st;
    Str         bytes;
    if (!file_read(a, path, PEPPER_SIZE + 1, &bytes, e))
        return false;
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0) {
        err_set(e, E_DENIED, "%s: others may read it", path);
        return err_hint(e, "chmod 600 %s", path);
    }
    if (bytes.n != PEPPER_SIZE)
        return err_set(e, E_FORMAT, "%s: wants %d bytes, has %zu", path, PEPPER_SIZE, bytes.n);
    memcpy(out, bytes.p, PEPPER_SIZE);
    wipe((void *)(uintptr_t)bytes.p, bytes.n);
    return true;
}

static bool pepper_make(const char *path, Err *e)
{
    uint8_t fresh[PEPPER_SIZE];
    random_bytes(fresh, sizeof fresh);
    bool ok = file_create(path, (Str){ (char *)fresh, sizeof fresh }, 0600, e);
    wipe(fresh, sizeof fresh);
    return ok;
}

static bool signer_make(const char *path, Err *e)
{
    defer_key Key *k = key_new(KEY_ED25519, e);
    return k != NULL && key_save(k, path, e);
}

/* Secrets are only made where no table exists: with new ones an old table would be worthless. */
static bool secrets_open(KeyStore *s, bool create, Err *e)
{
    char *pepper = path_of(s->arena, s->dir, "pepper"), *key = path_of(s->arena, s->dir, "table.key"),
         *table = path_of(s->arena, s->dir, "keys.tbl");
    if (pepper == NULL || key == NULL || table == NULL)
        return err_nomem(e);
    if (create && !file_exists(table)) {
        if (!file_exists(pepper) && !pepper_make(pepper, e))
            return false;
        if (!file_exists(key) && !signer_make(key, e))
            return false;
    }
    if (!pepper_read(s->arena, pepper, s->pepper, e))
        return false;
    s->signer = key_load_private(key, e);
    return s->signer != NULL;
}

bool gate_keys_secret(const char *table_path, uint8_t pepper[static PEPPER_SIZE], Key **signer, Err *e)
{
    defer_arena Arena *a = arena_new(1 << 20);
    char *dir = a ? path_dir(a, table_path) : NULL;
    char *secret = dir ? path_of(a, dir, "pepper") : NULL, *key = dir ? path_of(a, dir, "table.key.pub") : NULL;
    *signer = NULL;
    if (secret == NULL || key == NULL)
        return err_nomem(e);
    if (!pepper_read(a, secret, pepper, e))
        return false;
    *signer = key_load_public(key, e);
    return *signer != NULL;
}

/* ---- the table in memory */

static KeyRecord *record_add(KeyStore *s, Err *e)
{
    if (s->count == s->cap) {
        size_t     cap = s->cap ? 2 * s->cap : 16;
        KeyRecord *grown = arena_get(s->arena, cap, sizeof *grown);
        if (grown == NULL)
            return err_nomem(e), NULL;
        if (s->count > 0)
            memcpy(grown, s->records, s->count * sizeof *grown);
        s->records = grown, s->cap = cap;
    }
    KeyRecord *r = &s->records[s->count++];
    *r = (KeyRecord){ 0 };
    return r;
}

static bool pepper_fits(const KeyStore *s, const KeyTable *t, Err *e)
{
    Digest d = sha256((Str){ (const char *)s->pepper, sizeof s->pepper });
    return memcmp(d.b, t->pepper_id, sizeof t->pepper_id) == 0 ||
           err_set(e, E_CRYPTO, "%s: pepper and keys.tbl do not belong together", s->dir);
}

static bool table_read(KeyStore *s, bool create, Err *e)
{
    Str      bytes;
    KeyTable t;
    char    *path = path_of(s->arena, s->dir, "keys.tbl");
    if (path == NULL)
        return err_nomem(e);
    if (create && !file_exists(path))
        return true;
    if (!file_read(s->arena, path, TABLE_FILE_MAX, &bytes, e))
        return false;
    if (!keytable_open(&t, bytes, s->signer, 0, e) || !pepper_fits(s, &t, e))
        return err_in(e, "%s", path);
    for (uint64_t i = 0; i < t.count; i++) {
        KeyRecord *r = record_add(s, e);
        if (r == NULL)
            return false;
        keytable_at(&t, i, r);                         /* keytable_open has checked each */
    }
    s->generation = t.generation;
    return true;
}

static bool lock_take(KeyStore *s, Err *e)
{
    char *path = path_of(s->arena, s->dir, ".lock");
    if (path == NULL)
        return err_nomem(e);
    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0)
        return err_set(e, E_IO, "%s: %m", path);
    int rc;
    do
        rc = flock(s->lock, LOCK_EX);
    while (rc != 0 && errno == EINTR);
    return rc == 0 || err_set(e, E_IO, "%s: %m", path);
}

KeyStore *keystore_open(const char *dir, bool create, Err *e)
{
    Arena    *a = arena_new((size_t)4 << 30);
    KeyStore *s = a ? arena_get(a, 1, sizeof *s) : NULL;
    if (s == NULL) {
        arena_free(a);
        return err_nomem(e), NULL;
    }
    *s = (KeyStore){ .arena = a, .lock = -1, .dir = arena_printf(a, "%s", dir) };
    bool ok = s->dir != NULL || err_nomem(e);
    if (ok && !create && !file_exists(dir)) {
        ok = err_set(e, E_IO, "%s: there are no API keys yet", dir);
        err_hint(e, "moat gate key new --name NAME");
    }
    ok = ok && (!create || dir_make(dir, 0700, e)) && lock_take(s, e) && secrets_open(s, create, e) && table_read(s, create, e);
    if (ok)
        return s;
    keystore_close(s);
    return NULL;
}

void keystore_close(KeyStore *s)
{
    if (s == NULL)
        return;
    wipe(s->pepper, sizeof s->pepper);
    key_free(s->signer);
    if (s->lock >= 0)
        close(s->lock);
    arena_free(s->arena);
}

const KeyRecord *keystore_records(const KeyStore *s, size_t *n)
{
    *n = s->count;
    return s->records;
}

uint64_t keystore_generation(const KeyStore *s) { return s->generation; }

/* ---- changes */

static bool has_id(const KeyStore *s, const char *id)
{
    for (size_t i = 0; i < s->count; i++)
        if (memcmp(s->records[i].id, id, TOKEN_ID) == 0)
            return true;
    return false;
}

static void fresh_id(const KeyStore *s, char id[static TOKEN_ID])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    do
        for (size_t i = 0; i < TOKEN_ID;) {
            uint8_t b;
            random_bytes(&b, 1);
            if (b < 4 * 62)                            /* every digit equally likely */
                id[i++] = digits[b % 62];
        }
    while (has_id(s, id));
}

/* A fresh secret for the record's id: the token to `token`, its MAC into the record. */
static bool fresh_secret(const KeyStore *s, KeyRecord *r, Str env, char token[static TOKEN_MAX], Err *e)
{
    uint8_t secret[TOKEN_SECRET];
    random_bytes(secret, sizeof secret);
    size_t n = token_write(env, (Str){ r->id, TOKEN_ID }, secret, token);
    wipe(secret, sizeof secret);
    if (n == 0) {
        err_set(e, E_USAGE, "'%.*s' is no environment: 2 to 8 letters a-z", STR(env));
        return err_hint(e, "--env live");
    }
    Digest mac = hmac_sha256((Str){ (const char *)s->pepper, sizeof s->pepper }, (Str){ token, n });
    memcpy(r->mac, mac.b, sizeof r->mac);
    return true;
}

static bool put_texts(Buf *b, KeyTag kind, const Str *v, size_t n, Err *e)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].n == 0 || !str_utf8(v[i]) || !tag_put(b, kind, v[i]))
            return err_set(e, E_USAGE, "'%.*s' is empty, too long or not UTF-8", (int)(v[i].n < 80 ? v[i].n : 80), v[i].p);
    return true;
}

static bool put_cidrs(Buf *b, const Str *v, size_t n, Err *e)
{
    uint8_t cidr[17];
    size_t  len;
    for (size_t i = 0; i < n; i++) {
        if (!cidr_parse(v[i], cidr, &len))
            return err_set(e, E_USAGE, "'%.*s' is no network like 10.0.0.0/8 or 2001:db8::/32", STR(v[i]));
        tag_put(b, TAG_CIDR, (Str){ (char *)cidr, len });
    }
    return true;
}

static bool tags_of(KeyStore *s, const KeyWish *w, int64_t now_s, Str *out, Err *e)
{
    defer_buf Buf b = { 0 };
    char    created[8];
    Str     any = S("*");
    for (unsigned i = 0; i < sizeof created; i++)
        created[i] = (char)((uint64_t)now_s >> 8 * i);
    tag_put(&b, TAG_CREATED, (Str){ created, sizeof created });
    if (!put_texts(&b, TAG_ENV, &w->env, 1, e) || !put_texts(&b, TAG_NAME, &w->name, w->name.n > 0, e) ||
        !put_texts(&b, TAG_ORG, &w->org, w->org.n > 0, e) || !put_texts(&b, TAG_MODEL, w->models, w->model_count, e) ||
        !put_texts(&b, TAG_SCOPE, w->scope_count ? w->scopes : &any, w->scope_count ? w->scope_count : 1, e) ||
        !put_cidrs(&b, w->cidrs, w->cidr_count, e))
        return false;
    *out = b.bad ? (Str){ 0 } : arena_str(s->arena, buf_view(&b));
    return out->p != NULL || err_nomem(e);
}

bool keystore_new(KeyStore *s, int64_t now_s, const KeyWish *w, char token[static TOKEN_MAX], Err *e)
{
    KeyRecord r = { .not_after = w->not_after };
    if (w->not_after != 0 && w->not_after <= now_s)
        return err_set(e, E_USAGE, "the key would have expired already");
    if (!tags_of(s, w, now_s, &r.tags, e))
        return false;
    fresh_id(s, r.id);
    if (!fresh_secret(s, &r, w->env, token, e))
        return false;
    KeyRecord *slot = record_add(s, e);
    if (slot == NULL)
        return false;
    *slot = r;
    return true;
}

static bool is_live(const KeyRecord *r, int64_t now_s)
{
    return !(r->flags & KEY_REVOKED) && (r->not_after == 0 || r->not_after > now_s);
}

static bool no_such_key(Str id, Err *e)
{
    err_set(e, E_USAGE, "there is no key '%.*s'", STR(id));
    return err_hint(e, "moat gate key list");
}

/* Index of the id's only live secret. */
static bool only_live(KeyStore *s, int64_t now_s, Str id, size_t *out, Err *e)
{
    size_t live = 0;
    bool   known = false;
    for (size_t i = 0; i < s->count; i++)
        if (str_eq((Str){ s->records[i].id, TOKEN_ID }, id)) {
            known = true;
            if (is_live(&s->records[i], now_s))
                *out = i, live++;
        }
    if (!known)
        return no_such_key(id, e);
    if (live == 0)
        return err_set(e, E_DENIED, "key %.*s is revoked or expired; make a new one", STR(id));
    return live == 1 || err_set(e, E_DENIED, "key %.*s is in rotation already: two secrets are live", STR(id));
}

/* Secrets of the id that are over make room for the next one. */
static void drop_spent(KeyStore *s, int64_t now_s, Str id)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!str_eq((Str){ s->records[i].id, TOKEN_ID }, id) || is_live(&s->records[i], now_s))
            s->records[n++] = s->records[i];
    s->count = n;
}

bool keystore_rotate(KeyStore *s, int64_t now_s, Str id, int64_t old_until, char token[static TOKEN_MAX], Err *e)
{
    size_t i = 0;
    if (!only_live(s, now_s, id, &i, e))
        return false;
    KeyRecord r = s->records[i];
    if (!fresh_secret(s, &r, tag_find(r.tags, TAG_ENV), token, e))
        return false;
    if (s->records[i].not_after == 0 || s->records[i].not_after > old_until)
        s->records[i].not_after = old_until;
    drop_spent(s, now_s, id);
    KeyRecord *slot = record_add(s, e);
    if (slot == NULL)
        return false;
    *slot = r;
    return true;
}

bool keystore_revoke(KeyStore *s, Str id, Err *e)
{
    bool known = false;
    for (size_t i = 0; i < s->count; i++)
        if (str_eq((Str){ s->records[i].id, TOKEN_ID }, id))
            known = true, s->records[i].flags |= KEY_REVOKED;
    return known || no_such_key(id, e);
}

bool keystore_save(KeyStore *s, int64_t now_s, Err *e)
{
    defer_buf Buf out = { 0 };
    char *path = path_of(s->arena, s->dir, "keys.tbl");
    Str   pepper = { (const char *)s->pepper, sizeof s->pepper };
    if (path == NULL)
        return err_nomem(e);
    if (!keytable_write(s->records, s->count, s->generation + 1, now_s, pepper, s->signer, &out, e) ||
        !file_replace(path, buf_view(&out), 0644, e))
        return false;
    s->generation++;
    return true;
}
