/* verify.c - the bundle's signature, then the statement's meaning, then the disk; see model.h. */
#include "base/dict.h"
#include "base/file.h"
#include "model/bundle.h"
#include "model/disk.h"
#include "model/rules.h"
#include "model/statement.h"
#include <errno.h>
#include <sys/stat.h>

typedef struct Job {
    Arena            *a;
    Pool             *pool;
    const ModelCheck *c;
    Findings         *found;
    ModelVerdict     *v;
    Err              *e;
    const char       *signature;
    Disk             *d;
    size_t            before;                          /* findings of others */
    bool              proven;                          /* something was compared with what the caller trusts */
} Job;

char *model_signature_path(Arena *a, const char *path)
{
    struct stat st;
    size_t      n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    return arena_printf(a, folder ? "%.*s/model.sig" : "%.*s.sig", (int)n, path);
}

/* ---- findings */

/* `name` is a file of the model; empty: the model itself.  False only when there is no memory. */
static bool raise(Job *j, size_t rule, Str name, uint64_t byte, const char *message, const char *evidence)
{
    const char *subject = name.n ? arena_printf(j->a, "%s/%.*s", j->c->path, STR(name)) : j->c->path;
    if (subject == NULL || message == NULL)
        return err_nomem(j->e);
    Finding f = finding_of(&model_rules[rule], j->c->part, str(subject));
    f.message = str(message), f.evidence = str(evidence), f.at.byte = byte;
    if (rule == RULE_NO_SIGNER)
        f.state = STATE_UNKNOWN;
    return finding_add(j->found, f) || err_nomem(j->e);
}

static const char *hex_of(Arena *a, const uint8_t *p, size_t n)
{
    defer_buf Buf hex = { 0 };
    hex_put(&hex, (Str){ (const char *)p, n });
    return arena_str(a, buf_view(&hex)).p;
}

static bool raise_digest(Job *j, size_t rule, Str name, uint64_t byte, const char *what, HashKind hash, const uint8_t *want,
                         const uint8_t *got)
{
    const char *w = hex_of(j->a, want, hash_size(hash)), *g = hex_of(j->a, got, hash_size(hash)), *h = hash_name(hash);
    if (w == NULL || g == NULL)
        return err_nomem(j->e);
    return raise(j, rule, name, byte, arena_printf(j->a, "%s: %s %s, expected %s", what, h, g, w),
                 arena_printf(j->a, "{\"algorithm\":\"%s\",\"actual\":\"%s\",\"expected\":\"%s\"}", h, g, w));
}

/* ---- the files that the statement lists */

/* What a finding about a resource is filed under: a single file is the model itself. */
static Str file_name(const Job *j, Str name) { return j->d->folder ? name : (Str){ "", 0 }; }

static bool judge_piece(Job *j, const Statement *s, const Resource *r, const Piece *p)
{
    Str name = file_name(j, r->name);
    switch (p->state) {
    case PIECE_OK: break;
    case PIECE_MISSING: return raise(j, RULE_MISSING, name, 0, "signed, and not there", NULL);
    case PIECE_NOT_A_FILE: return raise(j, RULE_MISSING, name, 0, "signed as a file, and now a link, a folder or something else", NULL);
    case PIECE_SHORT: return raise(j, RULE_CHANGED, name, r->from + 1, "shorter than what was signed", NULL);
    case PIECE_UNREADABLE:
        errno = p->error;
        return err_set(j->e, E_IO, "%s/%.*s: %m", j->c->path, STR(r->name));
    }
    if (memcmp(p->digest, r->digest, hash_size(s->hash)) == 0)
        return true;
    return raise_digest(j, RULE_CHANGED, name, s->shard_size ? r->from + 1 : 0,
                        s->shard_size ? "a shard differs from what was signed" : "differs from what was signed", s->hash, r->digest,
                        p->digest);
}

/* A file that grew past its last shard has bytes that nobody signed.  Also counts each file once. */
static bool judge_end(Job *j, const Statement *s, const Dict *last)
{
    for (size_t i = 0; i < dict_count(last); i++) {
        const Piece *p = dict_items(last)[i].value;
        if (p->state != PIECE_OK)
            continue;
        j->v->files++, j->v->bytes += p->size;
        if (s->shard_size != 0 && p->size != p->to &&
            !raise(j, RULE_CHANGED, file_name(j, p->name), p->to + 1, "longer than what was signed", NULL))
            return false;
    }
    return true;
}

/* A single-file model is listed under its own name, or "." by the reference implementation. */
static bool judge_single_name(Job *j, const Statement *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (!str_is(s->v[i].name, ".") && !str_eq(s->v[i].name, j->d->name))
            return raise(j, RULE_MISSING, (Str){ "", 0 }, 0,
                         arena_printf(j->a, "the signature is for '%.*s', this is '%.*s'", STR(s->v[i].name), STR(j->d->name)), NULL);
    return true;
}

/* Hashes and compares all that is listed; *last maps a file's name to its last piece. */
static bool judge_listed(Job *j, const Statement *s, Dict *last)
{
    Piece *v = arena_get(j->a, s->n, sizeof *v);
    if (v == NULL)
        return err_nomem(j->e);
    for (size_t i = 0; i < s->n; i++) {
        v[i] = (Piece){ .name = s->v[i].name, .from = s->v[i].from, .to = s->v[i].to };
        const Piece *known = dict_get(last, v[i].name);
        if ((known == NULL || known->to < v[i].to) && !dict_put(last, v[i].name, &v[i]))
            return err_nomem(j->e);
    }
    disk_digest(j->d, j->pool, s->hash, v, s->n);
    for (size_t i = 0; i < s->n; i++)
        if (!judge_piece(j, s, &s->v[i], &v[i]))
            return false;
    return judge_end(j, s, last);
}

/* ---- the files that it does not list */

static bool looks_like_code(Str name)
{
    static const char *const endings[] = { ".py", ".pyc", ".pyd", ".so", ".dll", ".dylib", ".sh", ".js", ".jar", ".pkl", ".pickle",
                                           ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".h5", ".keras", ".ipynb" };
    for (size_t i = 0; i < len_of(endings); i++)
        if (str_ends(name, str(endings[i])))
            return true;
    return false;
}

/* The path that the signer excluded and `name` lies below; NULL when there is none. */
static const Str *left_out(const Statement *s, Str name)
{
    for (size_t i = 0; i < s->ignore_count; i++)
        if (name_below(name, s->ignore[i]))
            return &s->ignore[i];
    return NULL;
}

static bool judge_unlisted(Job *j, const Statement *s, const DiskFile *f)
{
    const Str *excluded = left_out(s, f->name);
    if (excluded != NULL)
        return !looks_like_code(f->name) ||
               raise(j, RULE_LEAVES_OUT, f->name, 0, arena_printf(j->a, "the signer left out '%.*s'", STR(*excluded)), NULL);
    if (j->c->ignore_unsigned_files || (s->shard_size != 0 && f->kind == DISK_FILE && f->size == 0))
        return true;
    static const char *const what[] = {
        [DISK_FILE] = "not covered by the signature", [DISK_LINK] = "a link that is not covered by the signature",
        [DISK_OTHER] = "neither file nor folder, and not covered by the signature",
        [DISK_BAD_NAME] = "its name is not UTF-8, so no signature can cover it",
    };
    return raise(j, RULE_UNLISTED, f->name, 0, what[f->kind], NULL);
}

static bool judge_rest(Job *j, const Statement *s, const Dict *listed)
{
    Str own[] = { disk_inside(j->a, j->d, j->signature) };
    if (!j->d->folder)
        return true;
    if (!disk_list(j->a, j->d, &(DiskAsk){ own, own[0].n != 0, s->allow_symlinks }, j->e))
        return false;
    for (size_t i = 0; i < j->d->n; i++)
        if (dict_get(listed, j->d->v[i].name) == NULL && !judge_unlisted(j, s, &j->d->v[i]))
            return false;
    return true;
}

static void note_ignored(Job *j, const Statement *s)
{
    Str own = disk_inside(j->a, j->d, j->signature);
    j->v->ignored = arena_get(j->a, s->ignore_count + 1, sizeof *j->v->ignored);
    for (size_t i = 0; j->v->ignored != NULL && i < s->ignore_count; i++) {
        bool usual = own.n != 0 && str_eq(s->ignore[i], own);
        for (size_t k = 0; k < disk_never_len; k++)
            usual |= str_eq(s->ignore[i], disk_never[k]);
        if (!usual)
            j->v->ignored[j->v->ignored_count++] = s->ignore[i];
    }
}

/* A file's digest as it was signed and compared, not as a second reading would find it: the file may change in between. */
static void take_signed_digest(Job *j, const Statement *s)
{
    if (s->hash != HASH_SHA256 || s->shard_size != 0 || findings_count(j->found) != j->before)
        return;
    memcpy(j->v->digest.b, s->v[0].digest, sizeof j->v->digest.b);
    j->v->has_digest = j->v->bound = true;
}

static bool judge_statement(Job *j, const Statement *s)
{
    Dict *listed = dict_new(j->a);
    if (listed == NULL)
        return err_nomem(j->e);
    j->d->follow = s->allow_symlinks;
    note_ignored(j, s);
    if (!j->d->folder && !judge_single_name(j, s))
        return false;
    if (!judge_listed(j, s, listed) || !judge_rest(j, s, listed))
        return false;
    if (j->d->folder)
        j->v->digest = s->root, j->v->has_digest = j->v->bound = true;
    else
        take_signed_digest(j, s);
    j->proven = true;
    return true;
}

/* ---- the signature */

/* The id of the key that the bundle names: by id, or before v1.1.0 by the key itself.  Empty when it makes no sense. */
static void named_key(const Bundle *b, char out[static DIGEST_HEX])
{
    Digest id;
    *out = '\0';
    if (b->pem.n != 0) {
        defer_key Key *k = key_parse_public(b->pem, NULL);
        if (k != NULL)
            key_id(k, out);
    } else if (digest_parse(b->hint, &id)) {
        digest_hex(&id, out);
        if (!str_is(b->hint, out))                     /* lower case is its one spelling */
            *out = '\0';
    }
}

/* *same: the bundle names the declared signer, or nobody. */
static bool names_signer(Job *j, const Bundle *b, bool *same)
{
    char theirs[DIGEST_HEX];
    named_key(b, theirs);
    *same = strcmp(theirs, j->v->signer) == 0;
    if (b->pem.n == 0 && b->hint.n == 0)
        *same = true, j->v->note = S("the bundle does not name its key");
    return *same || raise(j, RULE_WRONG_SIGNER, (Str){ "", 0 }, 0,
                          arena_printf(j->a, "signed with key %s, not with %s", *theirs ? theirs : "(no key id)", j->v->signer),
                          arena_printf(j->a, "{\"actual\":\"%s\",\"expected\":\"%s\"}", theirs, j->v->signer));
}

static bool judge_bundle(Job *j, const Bundle *b)
{
    bool           same, old;
    Statement      s;
    defer_key Key *k = key_load_public(j->c->signer, j->e);
    if (k == NULL)
        return err_in(j->e, "signer");
    key_id(k, j->v->signer);
    if (!names_signer(j, b, &same))
        return false;
    if (same && !bundle_signed_by(b, k, &old)) {
        same = false;
        if (!raise(j, RULE_BAD_SIGNATURE, (Str){ "", 0 }, 0, "the signature does not verify with the declared signer's key", NULL))
            return false;
    }
    if (!same) {
        *j->v->signer = '\0';
        return true;
    }
    if (old)
        j->v->note = S("signed in the form of model-transparency 0.2");
    if (statement_parse(j->a, b->payload, &s, j->e))
        return judge_statement(j, &s);
    return j->e->code == E_FORMAT && raise(j, RULE_BAD_STATEMENT, (Str){ "", 0 }, 0, j->e->message, NULL);
}

static bool judge_signature(Job *j)
{
    Str    text;
    Bundle b;
    if (!file_exists(j->signature))
        return raise(j, RULE_UNSIGNED, (Str){ "", 0 }, 0, arena_printf(j->a, "there is no %s", j->signature), NULL);
    if (!file_read(j->a, j->signature, BUNDLE_BYTES_MAX, &text, j->e))
        return false;
    if (!bundle_parse(j->a, text, &b, j->e))
        return j->e->code == E_FORMAT && raise(j, RULE_BAD_SIGNATURE, (Str){ "", 0 }, 0,
                                               arena_printf(j->a, "%s: %s", j->signature, j->e->message), NULL);
    if (b.method != BUNDLE_KEY) {
        err_set(j->e, E_CRYPTO, "%s: a %s signature, which is not supported yet; signatures by key are", j->signature,
                bundle_method_name(b.method));
        return err_hint(j->e, "moat model sign PATH --key KEY");
    }
    return judge_bundle(j, &b);
}

/* ---- the digest */

static bool list_digest(Arena *a, Pool *pool, Disk *d, Str signature, uint64_t *bytes, Digest *out, Err *e)
{
    Resource *r;
    Piece    *p;
    if (!disk_list(a, d, &(DiskAsk){ &signature, signature.n != 0, false }, e))
        return false;
    if ((p = arena_get(a, d->n + 1, sizeof *p)) == NULL || (r = arena_get(a, d->n + 1, sizeof *r)) == NULL)
        return err_nomem(e);
    for (size_t i = 0; i < d->n; i++)
        p[i] = (Piece){ .name = d->v[i].name, .to = UINT64_MAX };
    disk_digest(d, pool, HASH_SHA256, p, d->n);
    for (size_t i = 0; i < d->n; i++) {
        errno = p[i].error;
        if (p[i].state != PIECE_OK)
            return err_set(e, E_IO, "%s: '%.*s' cannot be read as a plain file", d->path, STR(p[i].name));
        memcpy(r[i].digest, p[i].digest, SHA256_SIZE);
        *bytes += p[i].size;
    }
    if (d->folder)
        *out = statement_root(HASH_SHA256, r, d->n);
    else
        memcpy(out->b, r[0].digest, sizeof out->b);
    return true;
}

bool model_digest(Arena *a, Pool *pool, const char *path, Digest *out, Err *e)
{
    defer_disk Disk d = { 0 };
    uint64_t        bytes = 0;
    return disk_open(a, path, &d, e) && list_digest(a, pool, &d, disk_inside(a, &d, model_signature_path(a, path)), &bytes, out, e);
}

/* Where the signature did not bring the digest: of a file; of a folder only when somebody asks, since a folder whose
 * signature does not hold may contain what cannot be listed. */
static bool fill_digest(Job *j)
{
    uint64_t bytes = 0;
    bool     wanted = !j->d->folder || j->c->sha256.n != 0 || j->c->signer == NULL;
    if (j->v->has_digest || !wanted)
        return true;
    j->d->n = 0, j->d->v = NULL, j->d->bytes = 0;
    if (!list_digest(j->a, j->pool, j->d, disk_inside(j->a, j->d, j->signature), &bytes, &j->v->digest, j->e))
        return false;
    j->v->has_digest = true;
    if (j->v->files == 0)
        j->v->files = j->d->n, j->v->bytes = bytes;
    return true;
}

static bool judge_published(Job *j)
{
    Digest want;
    if (!digest_parse(j->c->sha256, &want))
        return err_set(j->e, E_USAGE, "'%.*s' is not a SHA-256 digest (64 hex digits)", STR(j->c->sha256));
    j->proven = true;
    j->v->bound |= digest_eq(&want, &j->v->digest);
    return digest_eq(&want, &j->v->digest) ||
           raise_digest(j, RULE_WRONG_DIGEST, (Str){ "", 0 }, 0, "differs from the published digest", HASH_SHA256, want.b, j->v->digest.b);
}

/* ---- all of it */

static bool judge(Job *j)
{
    bool by_key = j->c->signer != NULL, by_digest = j->c->sha256.n != 0;
    if (!by_key && !by_digest && !raise(j, RULE_NO_SIGNER, (Str){ "", 0 }, 0, "nobody says who must have signed it, or what digest it has", NULL))
        return false;
    if (by_key && !judge_signature(j))
        return false;
    return fill_digest(j) && (!by_digest || judge_published(j));
}

bool model_verify(Arena *a, Pool *pool, const ModelCheck *c, Findings *found, ModelVerdict *v, Err *e)
{
    defer_disk Disk d = { 0 };
    Job             j = { a, pool, c, found, v, e, c->signature, &d, findings_count(found), false };
    *v = (ModelVerdict){ 0 };
    if (j.signature == NULL && (j.signature = model_signature_path(a, c->path)) == NULL)
        return err_nomem(e);
    if (!disk_open(a, c->path, &d, e) || !judge(&j))
        return false;
    v->verified = j.proven && findings_count(found) == j.before;
    return true;
}

ModelCheck model_check_of(const Pipeline *p, const Model *m)
{
    return (ModelCheck){
        .part = m->part.id,
        .path = pipeline_path(p, m->path),
        .signature = m->signature.n ? pipeline_path(p, m->signature) : NULL,
        .signer = m->signer.n ? pipeline_path(p, m->signer) : NULL,
        .sha256 = m->sha256,
        .scan_off = str_is(m->scan, "off"),
    };
}
