/* ship_source.c - see ship.h: all producers of a spool as one stream, and the cursor file. */
#include "base/file.h"
#include "ledger/ledger.h"
#include "watch/ship.h"
#include <dirent.h>

enum { PRODUCERS_MAX = 1024, ID_HEX = 2 * SPOOL_PRODUCER + 1, CURSOR_MAX = 1 << 20, CURSOR_ARENA = 32 << 20, TURN = 256 };

typedef struct Producer {
    char         folder[256];
    uint8_t      id[SPOOL_PRODUCER];
    SpoolReader *reader;                               /* NULL: no segment seen yet      */
    SpoolCursor  shipped;                              /* written to the cursor file     */
    bool         known;                                /* `id` and `shipped` are its own */
} Producer;

struct ShipSource {
    char     *spool, *cursor;
    Producer *v;
    size_t    n, turn, given, ends;                    /* whose turn, how many it had, how many had nothing in a row */
};

/* ---- the cursor file */

static void id_hex(const uint8_t id[static SPOOL_PRODUCER], char out[static ID_HEX])
{
    for (size_t i = 0; i < SPOOL_PRODUCER; i++)
        snprintf(out + 2 * i, 3, "%02x", id[i]);
}

static bool producer_get(ShipSource *s, const Json *v)
{
    Producer     *p = &s->v[s->n];
    Str           folder = json_text(json_get(v, "name"), S(""));
    defer_buf Buf raw = { 0 };
    *p = (Producer){ .known = true };
    bool ok = s->n < PRODUCERS_MAX && folder.n > 0 && folder.n < sizeof p->folder && memchr(folder.p, '/', folder.n) == NULL &&
              hex_get(&raw, json_text(json_get(v, "id"), S(""))) && raw.n == sizeof p->id && json_u64(json_get(v, "segment"), &p->shipped.segment) &&
              json_u64(json_get(v, "offset"), &p->shipped.offset) && json_u64(json_get(v, "next_seq"), &p->shipped.next_seq);
    if (!ok)
        return false;
    snprintf(p->folder, sizeof p->folder, "%.*s", STR(folder));
    memcpy(p->id, raw.p, sizeof p->id);
    s->n++;
    return true;
}

static void status_get(const Json *v, ShipStatus *out)
{
    *out = (ShipStatus){ 0 };
    json_u64(json_get(v, "sent"), &out->sent), json_u64(json_get(v, "retried"), &out->retried);
    json_u64(json_get(v, "dead"), &out->dead), json_u64(json_get(v, "lost"), &out->lost);
    json_i64(json_get(v, "oldest_ns"), &out->oldest_ns), json_i64(json_get(v, "written_ns"), &out->written_ns);
    Str state = json_text(json_get(v, "state"), S("ok"));
    out->state = str_is(state, "waiting") ? SHIP_WAITING : str_is(state, "stopped") ? SHIP_STOPPED : SHIP_OK;
    snprintf(out->error, sizeof out->error, "%.*s", STR(json_text(json_get(v, "error"), S(""))));
}

static bool cursor_get(ShipSource *s, ShipStatus *status, Err *e)
{
    defer_arena Arena *a = arena_new(CURSOR_ARENA);
    Str                text;
    if (!file_exists(s->cursor))
        return true;
    if (a == NULL || !file_read(a, s->cursor, CURSOR_MAX, &text, e))
        return a != NULL || err_nomem(e);
    const Json *v = json_parse(a, text, JSON_STRICT, e), *list = json_get(v, "producers");
    if (v == NULL)
        return err_in(e, "%s", s->cursor);
    status_get(v, status);
    for (const Json *at = list ? list->first : NULL; at != NULL; at = at->next)
        if (!producer_get(s, at)) {
            err_set(e, E_FORMAT, "%s: line %" PRIu32 ": not a producer's cursor", s->cursor, at->line);
            return err_hint(e, "remove the file: all events of the spool are shipped again, with the same ids");
        }
    return true;
}

bool ship_status(Arena *a, const Pipeline *p, Str sink, ShipStatus *out)
{
    Str         text;
    char       *path = pipeline_state(p, arena_printf(a, "ship/%.*s.json", STR(sink)));
    const Json *v = file_read(a, path, CURSOR_MAX, &text, NULL) ? json_parse(a, text, JSON_STRICT, NULL) : NULL;
    if (v != NULL)
        status_get(v, out);
    return v != NULL;
}

bool ship_source_save(ShipSource *s, const char *sink, ShipStatus *status, int64_t now_ns, Err *e)
{
    static const char *const states[] = { "ok", "waiting", "stopped" };
    defer_buf Buf            b = { 0 };
    JsonOut                  w = json_out(&b);
    char                     hex[ID_HEX];
    status->written_ns = now_ns;
    json_open(&w, '{');
    json_member(&w, "schema", S("moat.watch.ship/1")), json_member(&w, "sink", str(sink));
    json_member(&w, "state", str(states[status->state])), json_member(&w, "error", str(status->error));
    json_member_u64(&w, "sent", status->sent), json_member_u64(&w, "retried", status->retried);
    json_member_u64(&w, "dead", status->dead), json_member_u64(&w, "lost", status->lost);
    json_key(&w, "oldest_ns"), json_put_i64(&w, status->oldest_ns);
    json_key(&w, "written_ns"), json_put_i64(&w, now_ns);
    json_key(&w, "producers"), json_open(&w, '[');
    for (const Producer *p = s->v; p < s->v + s->n; p++) {
        if (!p->known)
            continue;
        id_hex(p->id, hex);
        json_open(&w, '{');
        json_member(&w, "name", str(p->folder)), json_member(&w, "id", str(hex));
        json_member_u64(&w, "segment", p->shipped.segment), json_member_u64(&w, "offset", p->shipped.offset);
        json_member_u64(&w, "next_seq", p->shipped.next_seq);
        json_close(&w, '}');
    }
    json_close(&w, ']'), json_close(&w, '}');
    buf_byte(&b, '\n');
    return b.bad ? err_nomem(e) : file_replace(s->cursor, buf_view(&b), 0600, e);
}

/* ---- producers */

ShipSource *ship_source_open(const char *spool, const char *cursor, ShipStatus *status, Err *e)
{
    ShipSource *s = calloc(1, sizeof *s);
    if (s == NULL || (s->spool = strdup(spool)) == NULL || (s->cursor = strdup(cursor)) == NULL ||
        (s->v = calloc(PRODUCERS_MAX + 1, sizeof *s->v)) == NULL)
        return ship_source_close(s), err_nomem(e), NULL;
    if (!cursor_get(s, status, e))
        return ship_source_close(s), NULL;
    return s;
}

void ship_source_close(ShipSource *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; s->v != NULL && i < s->n; i++)
        spool_reader_close(s->v[i].reader);
    free(s->spool), free(s->cursor), free(s->v);
    free(s);
}

static void look_around(ShipSource *s)
{
    DIR *d = opendir(s->spool);
    if (d == NULL)
        return;                                        /* nobody has written yet */
    for (struct dirent *f; (f = readdir(d)) != NULL && s->n < PRODUCERS_MAX;) {
        bool known = f->d_name[0] == '.';
        for (size_t i = 0; i < s->n; i++)
            known = known || strcmp(s->v[i].folder, f->d_name) == 0;
        if (!known) {
            s->v[s->n] = (Producer){ 0 };
            snprintf(s->v[s->n++].folder, sizeof s->v->folder, "%s", f->d_name);
        }
    }
    closedir(d);
}

static SpoolReader *reader_at(const ShipSource *s, const Producer *p, SpoolCursor at, Err *e)
{
    char path[1400];
    if (snprintf(path, sizeof path, "%s/%s", s->spool, p->folder) >= (int)sizeof path)
        return err_set(e, E_LIMIT, "%s: path too long", s->spool), NULL;
    return spool_reader_open(path, at, e);
}

/* Who is in the folder?  A folder that was removed and made anew has another id: then the cursor is not about it. */
static bool start(const ShipSource *s, Producer *p, Err *e)
{
    SpoolFrame f;
    uint8_t    id[SPOOL_PRODUCER];
    Err        mine = { 0 };
    SpoolReader *r = reader_at(s, p, (SpoolCursor){ 0 }, &mine);
    if (r == NULL)
        return true;                                   /* a folder that went, or no folder */
    SpoolRead got = spool_next(r, &f, e);
    bool      seen = spool_read_producer(r, id);
    spool_reader_close(r);
    if (got == SPOOL_FAILED || !seen)
        return got != SPOOL_FAILED;
    if (!p->known || memcmp(p->id, id, sizeof id) != 0)
        p->shipped = (SpoolCursor){ .next_seq = got == SPOOL_FRAME_READ ? f.seq : 0 };     /* what was before is not lost to us */
    memcpy(p->id, id, sizeof id);
    p->known = true;
    p->reader = reader_at(s, p, p->shipped, e);
    return p->reader != NULL;
}

SpoolRead ship_source_next(ShipSource *s, SpoolFrame *f, const char **producer, const uint8_t **id, Err *e)
{
    if (s->n == 0 || s->ends >= s->n)
        look_around(s), s->ends = 0;
    if (s->given == TURN)
        s->turn++, s->given = 0;
    for (; s->ends < s->n; s->turn++, s->given = 0, s->ends++) {
        Producer *p = &s->v[s->turn % s->n];
        if (p->reader == NULL && !start(s, p, e))
            return err_in(e, "%s/%s", s->spool, p->folder), SPOOL_FAILED;
        if (p->reader == NULL)
            continue;
        SpoolRead got = spool_next(p->reader, f, e);
        if (got == SPOOL_FAILED)
            return err_in(e, "%s/%s", s->spool, p->folder), SPOOL_FAILED;
        if (got == SPOOL_END)
            continue;
        s->given++, s->ends = 0;
        *producer = p->folder, *id = p->id;
        return SPOOL_FRAME_READ;
    }
    return SPOOL_END;
}

void ship_source_commit(ShipSource *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].reader != NULL)
            s->v[i].shipped = spool_tell(s->v[i].reader);
}

uint64_t ship_source_lost(const ShipSource *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->v[i].reader != NULL ? spool_gaps(s->v[i].reader).frames : 0;
    return n;
}

uint64_t ship_backlog(Arena *a, const Pipeline *p, Str sink, uint64_t limit)
{
    ShipStatus     ignored;
    SpoolFrame     f;
    const char    *producer;
    const uint8_t *id;
    uint64_t       n = 0;
    ShipSource    *s = ship_source_open(pipeline_state(p, "spool"), pipeline_state(p, arena_printf(a, "ship/%.*s.json", STR(sink))), &ignored, NULL);
    while (s != NULL && n < limit && ship_source_next(s, &f, &producer, &id, NULL) == SPOOL_FRAME_READ)
        n++;
    ship_source_close(s);
    return n;
}
