/* scan_torch.c - what torch adds to pickles: persistent ids that stand for storages, and the old file of five pickles. */
#include "model/scan_pickle.h"

static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";      /* torch/serialization.py: MAGIC_NUMBER */

/* ("storage", type, key, place, count, ...): its size in bytes; false when it is something else. */
static bool storage_id(Pickle *p, PickleValue id, char *room, size_t size, Str *key, uint64_t *bytes)
{
    PickleValue         type = pickle_item(p, id, 1), count = pickle_item(p, id, 4);
    const PickleGlobal *g = type.kind == PV_GLOBAL ? pickle_global(p, type) : NULL;
    uint64_t            each = g ? storage_itemsize(g->module, g->name) : 0;
    return each > 0 && count.kind == PV_INT && !(count.form & PF_BIG) && (int64_t)count.at >= 0
        && !__builtin_mul_overflow(each, count.at, bytes) && pickle_item(p, id, 2).kind == PV_STR
        && pickle_text(p, pickle_item(p, id, 2), room, size, key);
}

/* Storages of an old file lie behind the pickles: each once, however often it is referred to. */
static void add_legacy(Judge *j, Str key, uint64_t bytes)
{
    if (j->storages == NULL)
        j->storages = dict_new(j->a);
    Str own = arena_str(j->a, key);
    if (j->storages == NULL || own.p == NULL || dict_get(j->storages, key) != NULL || !dict_put(j->storages, own, j))
        return;
    uint64_t all;
    j->storage_bytes = __builtin_add_overflow(j->storage_bytes, bytes, &all) || all > INT64_MAX ? INT64_MAX : all + 8;
}

static void storage(Judge *j, Pickle *p, PickleFact *f)
{
    char     room[256];
    Str      key;
    uint64_t need, have = 0;
    if (!storage_id(p, f->with, room, sizeof room, &key, &need))
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "persistent id is not that of a storage: (\"storage\", type, key, place, count)");
    else if (j->home == PICKLE_TORCH_LEGACY)
        add_legacy(j, key, need);
    else if (j->in->storage != NULL && !j->in->storage(j->in->storage_ctx, key, &have))
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "storage '%.*s' has no data in the archive", STR(key));
    else if (j->in->storage != NULL && need > have)
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "storage '%.*s' says %" PRIu64 " bytes and has %" PRIu64, STR(key), need, have);
}

void torch_persistent(Judge *j, Pickle *p, PickleFact *f)
{
    bool legacy = j->home == PICKLE_TORCH_LEGACY;
    if (j->home != PICKLE_TORCH_ZIP && !legacy)
        judge_hit(j, RULE_PICKLE_PERSISTENT, f->at, "has a persistent id, which only a loader made for it can resolve");
    else if (text_is(p, pickle_item(p, f->with, 0), "storage"))
        storage(j, p, f);
    else if (!legacy || !text_is(p, pickle_item(p, f->with, 0), "module"))
        judge_hit(j, RULE_PICKLE_STORAGE, f->at, "persistent id is not that of a storage: (\"storage\", type, key, place, count)");
}

void torch_first(Judge *j, const PickleFact *stop)
{
    PickleValue v = stop->on;
    bool        is = v.kind == PV_INT && v.form & PF_BIG && v.n == sizeof magic - 1 && memcmp(j->in->bytes.p + v.at, magic, v.n) == 0;
    if (j->home == PICKLE_PLAIN && is)
        j->home = PICKLE_TORCH_LEGACY;
    else if (j->home == PICKLE_TORCH_LEGACY && !is && (v.kind == PV_RESULT || v.kind == PV_OPAQUE))
        judge_hit(j, RULE_PICKLE_MAGIC, stop->at, "the magic number is not a constant but what a call gives");
    else if (j->home == PICKLE_TORCH_LEGACY && !is)
        j->home = PICKLE_PLAIN;
}

uint64_t torch_legacy_end(Judge *j, uint64_t at)
{
    uint64_t left = j->in->bytes.n - at;
    if (j->storage_bytes <= left)
        return at + j->storage_bytes;
    judge_hit(j, RULE_PICKLE_STORAGE, at, "the storages need %" PRIu64 " bytes and the file has %" PRIu64, j->storage_bytes, left);
    return j->in->bytes.n;
}
