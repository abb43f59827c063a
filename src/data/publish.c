/* publish.c - see publish.h. */
#include "data/publish.h"
#include "base/file.h"
#include "data/store.h"
#include <unistd.h>

static bool same_key(const History *h, const Key *k, Err *e)
{
    char           ours[DIGEST_HEX], theirs[DIGEST_HEX];
    defer_key Key *pinned = key_load_public(h->pin, e);
    if (pinned == NULL)
        return false;
    key_id(k, ours);
    key_id(pinned, theirs);
    if (strcmp(ours, theirs) == 0)
        return true;
    err_set(e, E_DENIED, "%.*s: is signed by key %.16s, and this is %.16s", STR(h->name), theirs, ours);
    return err_hint(e, "to change the signer, replace %s by the new public key", h->pin);
}

Key *publish_key(const History *h, const char *path, bool *first, Err *e)
{
    Key *k = key_load_private(path, e);
    if (k == NULL)
        return NULL;
    *first = !file_exists(h->pin);
    if (*first || same_key(h, k, e))
        return k;
    key_free(k);
    return NULL;
}

static bool record(const Publish *how, const DataVersion *v, Err *e)
{
    defer_buf Buf b = { 0 };
    JsonOut       w = json_out(&b);
    json_open(&w, '{');
    json_key(&w, "name");
    json_put_str(&w, how->history->name);
    json_member_u64(&w, "version", v->version);
    version_put_digest(&w, "root", &v->root);
    json_member_u64(&w, "rows", v->rows);
    json_member_u64(&w, "bytes", v->bytes);
    version_put_digest(&w, "tree", &v->tree);
    version_put_digest(&w, "statement", &v->statement);
    json_member_u64(&w, "reverts", v->reverts);
    json_close(&w, '}');
    if (b.bad)
        return err_nomem(e);
    return ledger_append(how->ledger, how->clock, RECORD_DATA_COMMIT, how->actor, &v->statement, buf_view(&b), NULL, e);
}

/* history.h: readers see the three steps or none of them. */
static bool move(const Publish *how, const DataVersion *v, Err *e)
{
    const History *h = how->history;
    defer_fd int   lock = history_publish(h, e);
    if (lock < 0 || !ref_write(h->pending, v->version, &v->statement, e) || !record(how, v, e))
        return false;
    if (!ref_write(h->head, v->version, &v->statement, e))
        return false;
    return unlink(h->pending) == 0 || err_set(e, E_IO, "%s: %m", h->pending);
}

static bool sign(const Publish *how, DataVersion *v, Err *e)
{
    const History *h = how->history;
    VersionMore  more = { h->name, how->actor, how->header, how->labels_header, { { 0 } } };
    defer_buf Buf  body = { 0 }, envelope = { 0 };
    if (!sha256_file(h->pipeline->file, &more.policy, NULL, e) || !version_body(&body, v, &more, how->key, e))
        return false;
    v->statement = sha256(buf_view(&body));
    return envelope_write(&envelope, S(INTOTO_TYPE), buf_view(&body), how->key, e) &&
           object_write(how->arena, h->objects, "statement", ".json", &v->statement, buf_view(&envelope), e);
}

static bool pin_key(const History *h, const Key *k, Err *e)
{
    defer_buf Buf pem = { 0 };
    if (file_exists(h->pin))
        return true;
    return key_public_pem(k, &pem) ? file_create(h->pin, buf_view(&pem), 0644, e) : err_nomem(e);
}

bool publish(const Publish *how, const Head *head, DataVersion *v, Err *e)
{
    char time[TIME_TEXT], id[DIGEST_HEX];
    time_text(clock_ns(how->clock), time);
    key_id(how->key, id);
    v->time = arena_str(how->arena, str(time)), v->keyid = arena_str(how->arena, str(id));
    v->version = head->version.version + 1;
    v->parent = head->version.statement;
    return sign(how, v, e) && pin_key(how->history, how->key, e) && move(how, v, e);
}
