/* keys.c - the key table, looked at twice a second (and at each 401) and swapped when it has grown a generation.
 *
 * A worker has one thread and gate_head() copies what it needs, so between events nobody looks into the old table and
 * it can go at once.  A table that does not hold up is reported once and the one in force stays. */
#include "nginx/module.h"
#include "crypto/secret.h"
#include "gate/keystore.h"

bool moat_keys_open(MoatMain *m, Err *e)
{
    return gate_keys_secret((char *)m->keys_path.data, m->keys.now.pepper, &m->keys.signer, e);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool swap(MoatKeys *k, const char *path, Err *e)
{
    KeyTable next;
    Map      map = { 0 };
    if (!file_map(path, &map, e))
        return false;
    if (!keytable_open(&next, map.bytes, k->signer, k->loaded ? k->now.table.generation : 0, e))
        return file_unmap(&map), err_in(e, "%s", path);
    file_unmap(&k->map);
    k->map = map;
    k->now.table = next;
    return k->loaded = true;
}

bool moat_keys_poll(MoatMain *m, ngx_log_t *log)
{
    Err         e = { 0 };
    struct stat now;
    const char *path = (char *)m->keys_path.data;
    if (m->keys.signer == NULL || stat(path, &now) != 0 || same_file(&now, &m->keys.seen))
        return false;
    m->keys.seen = now;
    if (swap(&m->keys, path, &e)) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "moat: key table generation %uL is in force", m->keys.now.table.generation);
        return true;
    }
    ngx_log_error(NGX_LOG_ERR, log, 0, "moat: the key table is not usable, the one in force stays: %s", e.message);
    return false;
}

void moat_keys_close(MoatMain *m)
{
    file_unmap(&m->keys.map);
    key_free(m->keys.signer);
    wipe(m->keys.now.pepper, sizeof m->keys.now.pepper);
}
