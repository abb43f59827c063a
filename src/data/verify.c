/* verify.c - does a version still stand, and is it what lies on the disk: see data.h. */
#include "data/verify.h"

static bool flaw(Verify *v, DataRule rule, Str subject, const Err *why, Err *e)
{
    if (why->code == E_NOMEM)
        return *e = *why, false;
    return found(v->findings, &v->h, rule, subject, "%s", why->message) || err_nomem(e);
}

/* What the statement counts must be what its tree holds, or two readers see two versions. */
static bool check_sums(Verify *v, Err *e)
{
    const DataVersion *d = &v->result->version;
    TreeSum            sum;
    if (!tree_sum(&v->tree, &sum))
        return err_nomem(e);
    bool same = digest_eq(&sum.root, &d->root) && sum.rows == d->rows && sum.bytes == d->bytes && sum.files == d->files &&
                sum.has_labels == d->has_labels && digest_eq(&sum.labels_root, &d->labels_root) && sum.labels_rows == d->labels_rows;
    return same || found(v->findings, &v->h, D_OBJECT, v->h.dataset->path, "the statement of version %" PRIu64 " does not fit its tree", d->version) ||
           err_nomem(e);
}

static bool find_version(Verify *v, const Head *head, bool *found_it, Err *e)
{
    uint64_t want = v->how->version;
    Err      why = { 0 };
    *found_it = true;
    v->result->version = head->version;
    if (want == 0 || head->version.version == 0 || want == head->version.version)
        return *found_it = head->version.version > 0, true;
    if (head_back(v->arena, &v->h, head, want, &v->result->version, &why))
        return true;
    *found_it = false;
    if (why.code == E_USAGE)
        return *e = why, false;
    v->result->version = (DataVersion){ 0 };
    return flaw(v, D_OBJECT, v->h.dataset->path, &why, e);
}

/* Each older statement is still there and says what its child was signed over. */
static bool check_history(Verify *v, const Head *head, Err *e)
{
    DataVersion first;
    Err         why = { 0 };
    return head_back(v->arena, &v->h, head, 1, &first, &why) || flaw(v, D_OBJECT, v->h.dataset->path, &why, e);
}

static bool verify(Verify *v, const Head *head, Err *e)
{
    bool there;
    Err  why = { 0 };
    if (!find_version(v, head, &there, e) || !there)
        return e->code == E_OK;
    if (!check_history(v, head, e))
        return false;
    if (!tree_load(v->arena, v->h.objects, &v->result->version.tree, &v->tree, &why))
        return flaw(v, D_OBJECT, v->h.dataset->path, &why, e);
    v->h.version = v->result->version.version;
    v->store = store_open(v->h.objects, e);
    if (v->store == NULL || !check_sums(v, e) || (!v->how->skip_store && !verify_store(v, e)))
        return false;
    v->result->files_read = !v->how->skip_files && v->result->version.version == head->version.version;
    return !v->result->files_read || verify_files(v, e);
}

bool data_verify(Arena *a, const Pipeline *p, const DataVerify *how, Findings *out, DataVerified *result, Err *e)
{
    Verify v = { .arena = a, .how = how, .findings = out, .result = result };
    Head   head;
    *result = (DataVerified){ 0 };
    if (!history_of(a, p, how->dataset, &v.h, e) || !head_look(a, &v.h, how->signer, how->clock, out, &head, e))
        return false;
    if (head.version.version == 0 && findings_count(out) == 0) {
        err_set(e, E_USAGE, "%.*s: was never committed", STR(how->dataset));
        return err_hint(e, "moat data commit %.*s", STR(how->dataset));
    }
    result->signature_ok = head.signature_ok, result->pinned_now = head.pinned_now;
    v.members = v.h.members;
    bool ok = verify(&v, &head, e);
    members_close(&v.members);
    store_close(v.store);
    return ok;
}
