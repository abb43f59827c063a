/* head.c - see head.h. */
#include "data/head.h"
#include "base/file.h"
#include "data/rules.h"
#include "data/store.h"
#include <errno.h>
#include <unistd.h>

/* ---- which statement: the ledger decides, the ref must agree */

typedef struct Claim {
    Ref  ref, newest;                                  /* newest.state is REF_ABSENT when the ledger has none   */
    bool asked;                                        /* the ledger could be read, or is known to be absent    */
} Claim;

static bool ask(Arena *a, const History *h, Claim *c, Findings *out, Err *e)
{
    char              *path = pipeline_state(h->pipeline, "ledger.db");
    Err                why = { 0 };
    defer_ledger Ledger *l = NULL;
    if (path == NULL)
        return err_nomem(e);
    bool absent = access(path, F_OK) != 0 && errno == ENOENT;
    if (!absent)
        l = ledger_open_read(path, &why);
    defer_fd int lock = why.code == E_OK ? history_share(h, l, &why) : -1;
    c->asked = why.code == E_OK && (absent || history_newest(a, h, l, &c->newest, &why) || why.code == E_OK);
    if (!c->asked && !found_unknown(out, h, D_LEDGER, str(path), &why))
        return err_nomem(e);
    return ref_read(h->head, &c->ref, e);
}

static bool judge(const History *h, const Claim *c, Findings *out)
{
    const Ref *r = &c->ref, *n = &c->newest;
    Str        at = str(h->head);
    if (!c->asked || (r->state == REF_ABSENT && n->state == REF_ABSENT))
        return true;
    if (r->state == REF_DAMAGED)
        return found(out, h, D_REF, at, "the ref is damaged%s", n->state == REF_GOOD ? "; the ledger still knows the newest version" : "");
    if (n->state == REF_ABSENT)
        return found(out, h, D_LEDGER, at, "the ref names version %" PRIu64 ", but the ledger has no commit of this dataset", r->version);
    if (r->state == REF_ABSENT)
        return found(out, h, D_REF, at, "the ref is gone; the ledger knows version %" PRIu64, n->version);
    if (r->version < n->version)
        return found(out, h, D_ROLLBACK, at, "rolled back to version %" PRIu64 "; the ledger knows version %" PRIu64, r->version, n->version);
    if (r->version > n->version)
        return found(out, h, D_LEDGER, at, "the ref names version %" PRIu64 "; the newest the ledger knows is %" PRIu64, r->version, n->version);
    return digest_eq(&r->statement, &n->statement) ||
           found(out, h, D_ROLLBACK, at, "the ref names another version %" PRIu64 " than the ledger does", r->version);
}

/* ---- whose signature */

/* Where we may not write, the next look is a first one again; the finding says so. */
static bool pin(const History *h, const Head *head, Findings *out)
{
    Err why = { 0 };
    if (file_create(h->pin, head->version.signer, 0644, &why))
        return found(out, h, D_PINNED, str(h->pin), "key %.*s is trusted from now on", STR(head->version.keyid));
    return found(out, h, D_PINNED, str(h->pin), "key %.*s is trusted this time; it could not be pinned: %s", STR(head->version.keyid), why.message);
}

static Key *trusted_key(const History *h, const char *signer, const Head *head, bool *first, Err *e)
{
    *first = signer == NULL && !file_exists(h->pin);
    if (*first)
        return key_parse_public(head->version.signer, e);
    return key_load_public(signer != NULL ? signer : h->pin, e);
}

static bool check_signature(Arena *a, const History *h, const char *signer, Findings *out, Head *head, Err *e)
{
    bool           first;
    Err            why = { 0 };
    char           id[DIGEST_HEX];
    defer_key Key *k = trusted_key(h, signer, head, &first, &why);
    if (k == NULL && signer != NULL)
        return *e = why, false;
    if (k == NULL)
        return found(out, h, D_UNSIGNED, str(h->pin), "no key to check the signature with: %s", why.message) || err_nomem(e);
    key_id(k, id);
    if (!envelope_signed_by(&head->envelope, k))
        return found(out, h, D_UNSIGNED, h->dataset->path, "version %" PRIu64 " is not signed by key %.16s", head->version.version, id) || err_nomem(e);
    head->version.keyid = arena_str(a, str(id));
    head->pinned_now = first;
    if (first && !pin(h, head, out))
        return err_nomem(e);
    return head->signature_ok = true;
}

static bool check_age(const History *h, Clock clock, Findings *out, const Head *head)
{
    int64_t end = head->version.expires_ns;
    char    text[TIME_TEXT];
    if (end == 0 || clock_ns(clock) < end)
        return true;
    time_text(end, text);
    return found(out, h, D_EXPIRED, h->dataset->path, "version %" PRIu64 " expired at %s", head->version.version, text);
}

bool head_look(Arena *a, History *h, const char *signer, Clock clock, Findings *out, Head *head, Err *e)
{
    Claim c = { 0 };
    Err   why = { 0 };
    *head = (Head){ 0 };
    if (!ask(a, h, &c, out, e))
        return false;
    h->version = c.newest.state == REF_GOOD ? c.newest.version : c.ref.version;
    if (!judge(h, &c, out))
        return err_nomem(e);
    const Ref *r = c.newest.state == REF_GOOD ? &c.newest : &c.ref;
    head->ref_good = c.ref.state == REF_GOOD && digest_eq(&c.ref.statement, &r->statement) && c.ref.version == r->version;
    if (r->state != REF_GOOD)
        return true;
    if (!version_load(a, h->objects, &r->statement, h->name, &head->envelope, &head->version, &why)) {
        head->version = (DataVersion){ 0 };
        return why.code != E_NOMEM ? found(out, h, D_OBJECT, h->dataset->path, "%s", why.message) : (*e = why, false);
    }
    if (head->version.version != r->version &&
        !found(out, h, D_LEDGER, h->dataset->path, "the statement is of version %" PRIu64 ", its record of version %" PRIu64,
               head->version.version, r->version))
        return err_nomem(e);
    if (!check_signature(a, h, signer, out, head, e))
        return false;
    return check_age(h, clock, out, head) || err_nomem(e);
}

/* ---- for writers, and for those who only ask */

/* A wrong ref is mended by moving it, and age by a new version. */
static bool stands_in_the_way(const Finding *f)
{
    const Rule *r = f->rule;
    bool        mended = r == &data_rules[D_REF] || r == &data_rules[D_EXPIRED] || r == &data_rules[D_ROLLBACK];
    return f->state == STATE_UNKNOWN || (!mended && f->severity >= SEV_HIGH);
}

bool head_trusted(Arena *a, History *h, const char *signer, Clock clock, Head *head, Err *e)
{
    Findings *l = findings_new(a);
    if (l == NULL)
        return err_nomem(e);
    if (!head_look(a, h, signer, clock, l, head, e))
        return false;
    for (size_t i = 0; i < findings_count(l); i++) {
        const Finding *f = findings_at(l, i);
        if (!stands_in_the_way(f))
            continue;
        err_set(e, E_DENIED, "%.*s: %.*s", STR(f->subject), STR(f->message));
        return err_hint(e, "moat data verify %.*s", STR(h->name));
    }
    return true;
}

bool head_back(Arena *a, const History *h, const Head *head, uint64_t version, DataVersion *out, Err *e)
{
    Envelope envelope;
    *out = head->version;
    if (out->version == 0)
        return err_set(e, E_USAGE, "%.*s: was never committed", STR(h->name)), err_hint(e, "moat data commit %.*s", STR(h->name));
    if (version > out->version || version == 0)
        return err_set(e, E_USAGE, "%.*s: there is no version %" PRIu64 "; the newest is %" PRIu64, STR(h->name), version, out->version);
    while (out->version > version) {
        uint64_t child = out->version;
        Digest   parent = out->parent;
        if (!version_load(a, h->objects, &parent, h->name, &envelope, out, e))
            return false;
        if (out->version != child - 1)
            return err_set(e, E_FORMAT, "%.*s: the parent of version %" PRIu64 " is version %" PRIu64, STR(h->name), child, out->version);
    }
    return true;
}

bool data_head(Arena *a, const Pipeline *p, Str dataset, DataVersion *out, Err *e)
{
    History h;
    Head    head;
    *out = (DataVersion){ 0 };
    Findings *l = findings_new(a);
    if (l == NULL)
        return err_nomem(e);
    if (!history_of(a, p, dataset, &h, e) || !head_look(a, &h, NULL, clock_system(), l, &head, e))
        return false;
    for (size_t i = 0; i < findings_count(l); i++) {
        const Finding *f = findings_at(l, i);
        if (f->state == STATE_UNKNOWN || f->severity >= SEV_HIGH)
            return err_set(e, E_DENIED, "%.*s: %.*s", STR(f->subject), STR(f->message)), err_hint(e, "moat data verify %.*s", STR(dataset));
    }
    *out = head.version;
    return true;
}
