/* acl.c - ACLs against getfacl's own words for 160 files, and what the kernel would refuse. */
#include "../test.h"
#include "base/file.h"
#include "base/rng.h"
#include "crypto/digest.h"
#include "format/acl.h"
#include "format/json.h"

static void check_lines(const Acl *acl, const char *prefix, const Json *want, size_t *at, const char *row)
{
    for (size_t i = 0; i < acl->n; i++) {
        defer_buf Buf b = { 0 };
        buf_z(&b, prefix);
        acl_entry_text(acl, &acl->v[i], true, &b);
        CHECK_ROW(str_eq(buf_view(&b), json_text(json_at(want, (*at)++), S("?"))), row);
    }
}

static bool from_hex(Arena *a, Str hex, Acl *out)
{
    defer_buf Buf b = { 0 };
    return hex_get(&b, hex) && acl_read(a, arena_str(a, buf_view(&b)), out, NULL);
}

TEST(acl, says_what_getfacl_says)
{
    const char *vectors = getenv("MOAT_VECTORS");
    char        path[512];
    Str         text;
    snprintf(path, sizeof path, "%s/data/acl/vectors.json", vectors ? vectors : "");
    if (!file_exists(path)) {
        print_message("skipped: MOAT_VECTORS has no data/acl/vectors.json\n");
        skip();
    }
    Arena *a = arena_new(64 << 20);
    CHECK(file_read(a, path, 8 << 20, &text, NULL));
    const Json *all = json_parse(a, text, JSON_STRICT, NULL);
    CHECK(all->count == 160);
    for (size_t i = 0; i < all->count; i++) {
        const Json *v = json_at(all, i);
        Str         hex = json_text(json_get(v, "access_xattr"), S("")), fallback = json_text(json_get(v, "default_xattr"), S(""));
        Acl         acl, def = { 0 };
        size_t      at = 0;
        char        row[24];
        snprintf(row, sizeof row, "%zu", i);
        unsigned mode = (unsigned)strtoul(json_text(json_get(v, "mode"), S("0")).p, NULL, 8);
        CHECK_ROW(hex.n ? from_hex(a, hex, &acl) : acl_of_mode(a, mode, &acl), row);
        CHECK_ROW(fallback.n == 0 || from_hex(a, fallback, &def), row);
        check_lines(&acl, "", json_get(v, "getfacl"), &at, row);
        check_lines(&def, "default:", json_get(v, "getfacl"), &at, row);
        CHECK_ROW(at == json_get(v, "getfacl")->count, row);
        defer_buf Buf bytes = { 0 }, again = { 0 };
        if (hex.n > 0)
            acl_write(&acl, &bytes), hex_put(&again, buf_view(&bytes)), CHECK_ROW(str_eq(buf_view(&again), hex), row);
    }
    arena_free(a);
}

TEST(acl, refuses_what_the_kernel_would_not_set)
{
    static const char *const bad[] = {
        "", "02", "0100000001000600ffffffff", "02000000", "0200000001000600ffffffff04000500ffffffff",             /* version, none, no other */
        "0200000001000600ffffffff0400050000", "0200000001000600ffffffff04000500ffffffff20000900ffffffff",          /* torn, perm 9 */
        "0200000004000500ffffffff01000600ffffffff20000500ffffffff",                                                /* order */
        "0200000001000600ffffffff02000600e803000002000400e803000004000500ffffffff10000700ffffffff20000500ffffffff", /* twice */
        "0200000001000600ffffffff02000600e803000004000500ffffffff20000500ffffffff",                                /* no mask */
        "0200000001000600ffffffff02000600ffffffff04000500ffffffff10000700ffffffff20000500ffffffff",                /* no id */
        "0200000001000600ffffffff03000500ffffffff04000500ffffffff20000500ffffffff",                                /* tag 3 */
    };
    Arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < len_of(bad); i++) {
        Acl acl;
        CHECK_ROW(!from_hex(a, str(bad[i]), &acl), bad[i]);
    }
    arena_free(a);
}

TEST(acl, keeps_its_order_and_mask_through_any_edits)
{
    Rng    r = rng_of(5);
    Arena *a = arena_new(64 << 20);
    for (int i = 0; i < 300; i++) {
        Acl acl, again;
        CHECK(acl_of_mode(a, (unsigned)rng_below(&r, 512), &acl));
        for (int k = 0; k < 12; k++) {
            uint16_t tag = rng_below(&r, 2) ? ACL_USER : ACL_GROUP;
            uint32_t id = (uint32_t)rng_below(&r, 5);
            if (rng_below(&r, 3))
                CHECK(acl_put(a, &acl, (AclEntry){ tag, (uint16_t)rng_below(&r, 8), id }));
            else
                acl_drop(&acl, tag, id);
        }
        CHECK(acl_remask(a, &acl));
        defer_buf Buf b = { 0 };
        acl_write(&acl, &b);
        CHECK(acl_read(a, buf_view(&b), &again, NULL) && acl_same(&acl, &again));
        for (size_t k = 0; k < acl.n; k++)
            CHECK(acl_effective(&acl, &acl.v[k]) == acl.v[k].perm);   /* a fresh mask hides nothing */
    }
    arena_free(a);
}
