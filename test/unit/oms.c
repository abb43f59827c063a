/* Model signatures: other people's bundles first, then our own round trips and everything that must be refused. */
#include "../test.h"
#include "base/file.h"
#include "model/bundle.h"
#include "model/disk.h"
#include "model/model.h"
#include "model/statement.h"
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { MEMORY = 64 << 20 };

/* "verified", "error", or the rules of the findings in the order they were raised. */
static const char *outcome(Arena *a, const ModelCheck *c)
{
    Findings    *found = findings_new(a);
    ModelVerdict v;
    Err          e = { 0 };
    if (!model_verify(a, NULL, c, found, &v, &e))
        return CHECK(!v.verified), arena_printf(a, "error: %s", e.message);
    CHECK(v.verified == (findings_count(found) == 0));
    const char *text = v.verified ? "verified" : "";
    for (size_t i = 0; i < findings_count(found); i++)
        text = arena_printf(a, "%s%s%s", text, *text ? " " : "", findings_at(found, i)->rule->id + strlen("MOAT-"));
    return text;
}

/* ---- vectors: $MOAT_VECTORS/model/sign */

static char *vector(Arena *a, const char *name)
{
    const char *root = test_vectors("model/sign");
    return root ? arena_printf(a, "%s/%s", root, name) : NULL;
}

/* certtool wrote a description in front of the PEM text, which a key file of ours has no room for. */
static char *vector_key(Arena *a, const char *name)
{
    Err   e = { 0 };
    Str   text;
    char *path = arena_printf(a, "%s/key.pub", test_dir());
    CHECK(file_read(a, vector(a, name), MEMORY, &text, &e));
    const char *pem = strstr(text.p, "-----BEGIN");
    CHECK(pem != NULL && file_replace(path, str(pem), 0644, &e));
    return path;
}

#define MT_KEY "model-transparency/keys/certificate/signing-key-pub.pem"
#define GEN    "generated/keys/"

static const struct {
    const char *model, *signature, *key, *want;
} vector_rows[] = {
    { "model-transparency/v0.3.1-elliptic-key/signme-1", "model-transparency/v0.3.1-elliptic-key/model.sig", MT_KEY, "verified" },
    { "model-transparency/v1.0.0-elliptic-key/signme-1", "model-transparency/v1.0.0-elliptic-key/model.sig", MT_KEY, "verified" },
    { "model-transparency/v1.1.0-elliptic-key", NULL, MT_KEY, "verified" },
    { "model-transparency/v1.1.0-elliptic-key", NULL, GEN "secp384r1.pub", "M103" },
    { "model-transparency/v0.3.1-elliptic-key/signme-1", "model-transparency/v0.3.1-elliptic-key/model.sig", GEN "secp384r1.pub", "M103" },
    { "model-transparency/v1.1.0-certificate/signme-1", "model-transparency/v1.1.0-elliptic-key/model.sig", MT_KEY, "M105 M104 M104" },
    { "model-transparency/v1.1.0-certificate", "model-transparency/v1.1.0-elliptic-key/model.sig", MT_KEY, "M104" },
    { "model-transparency/v0.2.0-certificate", NULL, MT_KEY, "error: certificate" },
    { "model-transparency/v0.3.1-certificate", NULL, MT_KEY, "error: certificate" },
    { "model-transparency/v1.0.0-certificate", NULL, MT_KEY, "error: certificate" },
    { "model-transparency/v1.1.0-certificate", NULL, MT_KEY, "error: certificate" },
    { "model-transparency/v0.3.1-sigstore", NULL, MT_KEY, "error: sigstore" },
    { "model-transparency/v1.1.0-sigstore", NULL, MT_KEY, "error: sigstore" },
    { "generated/model", "generated/prime256v1_files_sha256.sig", GEN "prime256v1.pub", "verified" },
    { "generated/model", "generated/secp384r1_files_sha256.sig", GEN "secp384r1.pub", "verified" },
    { "generated/model", "generated/secp521r1_files_sha256.sig", GEN "secp521r1.pub", "verified" },
    { "generated/model", "generated/prime256v1_files_blake2b.sig", GEN "prime256v1.pub", "verified" },
    { "generated/model", "generated/secp384r1_files_blake2b.sig", GEN "secp384r1.pub", "verified" },
    { "generated/model", "generated/secp521r1_files_blake2b.sig", GEN "secp521r1.pub", "verified" },
    { "generated/model", "generated/secp384r1_shards_sha256_1000.sig", GEN "secp384r1.pub", "verified" },
    { "generated/model_nocolon", "generated/prime256v1_shards_sha256_1000.sig", GEN "prime256v1.pub", "verified" },
    { "generated/model_nocolon", "generated/secp521r1_shards_sha256_1000.sig", GEN "secp521r1.pub", "verified" },
    { "generated/model", "generated/prime256v1_shards_sha256_1000.sig", GEN "prime256v1.pub", "M106" },
    { "generated/model_nocolon", "generated/prime256v1_files_sha256.sig", GEN "prime256v1.pub", "M105" },
    { "generated/model", "generated/prime256v1_files_sha256.sig", GEN "secp521r1.pub", "M103" },
};

TEST(oms, vectors_of_other_implementations_come_out_as_agreed)
{
    defer_arena Arena *a = arena_new(MEMORY);
    for (size_t i = 0; i < len_of(vector_rows) && test_vectors("model/sign") != NULL; i++) {
        ModelCheck c = { .path = vector(a, vector_rows[i].model),
                         .signature = vector_rows[i].signature ? vector(a, vector_rows[i].signature) : NULL,
                         .signer = vector_key(a, vector_rows[i].key) };
        const char *got = outcome(a, &c), *want = vector_rows[i].want;
        bool        error = strncmp(want, "error: ", 7) == 0;
        CHECK_ROW(error ? strncmp(got, "error: ", 7) == 0 && strstr(got, want + 7) != NULL : strcmp(got, want) == 0,
                  arena_printf(a, "%s with %s: %s, want %s", vector_rows[i].model, vector_rows[i].signature, got, want));
    }
}

static const struct {
    const char *file;
    bool        parses, says;                          /* the bundle; the statement in it */
    BundleMethod method;
} format_rows[] = {
    { "valid/key.bundle.json", true, true, BUNDLE_KEY },
    { "valid/certificate.bundle.json", true, true, BUNDLE_CERTIFICATE },
    { "valid/sigstore.bundle.json", true, true, BUNDLE_SIGSTORE },
    { "invalid/empty.bundle.json", false, false, BUNDLE_KEY },
    { "invalid/missing-envelope.bundle.json", false, false, BUNDLE_KEY },
    { "invalid/missing-tlog-entries.bundle.json", false, false, BUNDLE_KEY },
    { "invalid/missing-verification-material.bundle.json", false, false, BUNDLE_KEY },
    { "invalid-payload/wrong-predicate.bundle.json", true, false, BUNDLE_KEY },
};

TEST(oms, bundles_of_the_specification_are_read_or_refused)
{
    defer_arena Arena *a = arena_new(MEMORY);
    for (size_t i = 0; i < len_of(format_rows) && test_vectors("model/sign") != NULL; i++) {
        Str       text;
        Bundle    b;
        Statement s;
        Err       e = { 0 };
        CHECK(file_read(a, vector(a, arena_printf(a, "oms-spec/test-vectors/v1.0/%s", format_rows[i].file)), MEMORY, &text, &e));
        bool parses = bundle_parse(a, text, &b, &e);
        CHECK_ROW(parses == format_rows[i].parses, format_rows[i].file);
        CHECK_ROW(parses || e.code == E_FORMAT, format_rows[i].file);
        CHECK_ROW(!parses || b.method == format_rows[i].method, format_rows[i].file);
        CHECK_ROW(!parses || statement_parse(a, b.payload, &s, &e) == format_rows[i].says, format_rows[i].file);
    }
}

/* The only 0.2 signature there is was made with a certificate's P-384 key and SHA-256, so OpenSSL checks it here directly. */
TEST(oms, the_old_encoding_is_what_version_0_2_signed)
{
    defer_arena Arena *a = arena_new(MEMORY);
    if (test_vectors("model/sign") == NULL)
        return;
    Str           text;
    Err           e = { 0 };
    Statement     s;
    Bundle        b;
    defer_buf Buf pae = { 0 }, der = { 0 };
    CHECK(file_read(a, vector(a, "model-transparency/v0.2.0-certificate/model.sig"), MEMORY, &text, &e) && bundle_parse(a, text, &b, &e));
    const Json *root = json_parse(a, text, JSON_STRICT, &e);
    const Json *chain = json_get(json_get(json_get(root, "verificationMaterial"), "x509CertificateChain"), "certificates");
    CHECK(base64_get(&der, json_text(json_get(json_at(chain, 0), "rawBytes"), S(""))));
    const uint8_t *p = (const uint8_t *)der.p;
    X509          *cert = d2i_X509(NULL, &p, (long)der.n);
    EVP_MD_CTX    *ctx = EVP_MD_CTX_new();
    bundle_old_pae(&pae, S(INTOTO_TYPE), b.payload);
    CHECK(cert != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, X509_get0_pubkey(cert)) == 1);
    CHECK(EVP_DigestVerify(ctx, (const uint8_t *)b.signature.p, b.signature.n, (const uint8_t *)pae.p, pae.n) == 1);
    EVP_MD_CTX_free(ctx), X509_free(cert);
    CHECK(statement_parse(a, b.payload, &s, &e) && s.old && s.n == 2);
}

/* ---- our own */

typedef struct House {                                 /* a folder with a model, a key and a signature */
    Arena *a;
    char  *dir, *model, *key, *pub;
} House;

static void put(House *h, const char *name, Str bytes)
{
    Err   e = { 0 };
    char *path = arena_printf(h->a, "%s/%s", h->model, name);
    CHECK_ROW(dir_make(path_dir(h->a, path), 0755, &e) && file_replace(path, bytes, 0644, &e), e.message);
}

static House house(Arena *a, KeyKind kind)
{
    Err            e = { 0 };
    House          h = { a, arena_printf(a, "%s", test_dir()), NULL, NULL, NULL };
    defer_key Key *k = key_new(kind, &e);
    h.model = arena_printf(a, "%s/model", h.dir), h.key = arena_printf(a, "%s/key", h.dir), h.pub = arena_printf(a, "%s/key.pub", h.dir);
    CHECK(k != NULL && key_save(k, h.key, &e));
    put(&h, "weights.bin", S("0123456789abcdef")), put(&h, "config.json", S("{\"a\":1}")), put(&h, "empty", S(""));
    put(&h, "sub/a:1:2", S("colons")), put(&h, "sub/deep/\"quote\\", S("q")), put(&h, ".git/HEAD", S("ref"));
    return h;
}

static bool sign(House *h, ModelSign s, Err *e)
{
    defer_key Key *k = key_load_private(h->key, e);
    ModelVerdict   v;
    s.path = s.path ? s.path : h->model;
    return k != NULL && model_sign(h->a, NULL, &s, k, &v, e);
}

static const char *checked(House *h) { return outcome(h->a, &(ModelCheck){ .path = h->model, .signer = h->pub }); }

TEST(oms, what_each_kind_of_key_signed_verifies)
{
    defer_arena Arena *a = arena_new(MEMORY);
    for (KeyKind kind = KEY_ED25519; kind <= KEY_P521; kind++) {
        House h = house(a, kind);
        Err   e = { 0 };
        CHECK_STR(checked(&h), "M101");
        CHECK_ROW(sign(&h, (ModelSign){ 0 }, &e), e.message);
        CHECK_STR(checked(&h), "verified");
        CHECK_ROW(sign(&h, (ModelSign){ .shard_size = 5 }, &e), e.message);
        CHECK_STR(checked(&h), "verified");
        CHECK_ROW(sign(&h, (ModelSign){ .shard_size = 5, .reference = true, .blake2b = true }, &e), e.message);
        CHECK_STR(checked(&h), "verified");
    }
}

TEST(oms, a_single_file_goes_by_its_own_name)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_P256);
    Err                e = { 0 };
    char              *file = arena_printf(a, "%s/weights.bin", h.model), *other = arena_printf(a, "%s/other.bin", h.model);
    char              *sig = arena_printf(a, "%s.sig", file);
    for (int reference = 0; reference < 2; reference++) {
        CHECK(sign(&h, (ModelSign){ .path = file, .reference = reference }, &e));
        CHECK_STR(outcome(a, &(ModelCheck){ .path = file, .signer = h.pub }), "verified");
        put(&h, "other.bin", S("0123456789abcdef"));
        CHECK_STR(outcome(a, &(ModelCheck){ .path = other, .signature = sig, .signer = h.pub }), reference ? "verified" : "M105");
    }
    put(&h, "weights.bin", S("0123456789abcdeF"));
    CHECK_STR(outcome(a, &(ModelCheck){ .path = file, .signer = h.pub }), "M104");
}

TEST(oms, every_change_of_the_folder_is_named)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_P384);
    Err                e = { 0 };
    char              *weights = arena_printf(a, "%s/weights.bin", h.model), *moved = arena_printf(a, "%s/w", h.dir);
    CHECK(sign(&h, (ModelSign){ 0 }, &e));
    put(&h, "evil.py", S("import os"));
    CHECK_STR(checked(&h), "M106");
    CHECK_STR(outcome(a, &(ModelCheck){ .path = h.model, .signer = h.pub, .ignore_unsigned_files = true }), "verified");
    CHECK(unlink(arena_printf(a, "%s/evil.py", h.model)) == 0);
    put(&h, ".git/config", S("not signed")), put(&h, ".gitignore", S("*"));
    CHECK_STR(checked(&h), "verified");
    put(&h, "sub/.gitignore", S("only the one at the root is left out"));
    CHECK_STR(checked(&h), "M106");
    CHECK(unlink(arena_printf(a, "%s/sub/.gitignore", h.model)) == 0);
    CHECK(rename(weights, moved) == 0);
    CHECK_STR(checked(&h), "M105");
    CHECK(symlink(moved, weights) == 0);               /* the same bytes, but no longer part of the folder */
    CHECK_STR(checked(&h), "M105");
    CHECK(unlink(weights) == 0 && mkdir(weights, 0755) == 0);
    CHECK_STR(checked(&h), "M105");
    CHECK(rmdir(weights) == 0 && rename(moved, weights) == 0);
    CHECK_STR(checked(&h), "verified");
    CHECK(symlink("/etc/passwd", arena_printf(a, "%s/link", h.model)) == 0);
    CHECK_STR(checked(&h), "M106");
}

TEST(oms, a_folder_on_the_way_may_not_become_a_link)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_ED25519);
    Err                e = { 0 };
    char              *sub = arena_printf(a, "%s/sub", h.model), *moved = arena_printf(a, "%s/sub2", h.dir);
    CHECK(sign(&h, (ModelSign){ 0 }, &e));
    CHECK(rename(sub, moved) == 0 && symlink(moved, sub) == 0);
    CHECK_STR(checked(&h), "M105 M105 M106");
}

TEST(oms, shards_notice_a_file_that_shrank_or_grew)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_P256);
    Err                e = { 0 };
    CHECK(sign(&h, (ModelSign){ .shard_size = 8 }, &e));
    put(&h, "weights.bin", S("0123456789abcdef+"));
    CHECK_STR(checked(&h), "M104");
    put(&h, "weights.bin", S("01234567"));
    CHECK_STR(checked(&h), "M104");
    put(&h, "weights.bin", S("0123456X89abcdef"));
    CHECK_STR(checked(&h), "M104");
    put(&h, "weights.bin", S("0123456789abcdef"));
    put(&h, "another-empty", S(""));                   /* shards cannot list it, and it says nothing */
    CHECK_STR(checked(&h), "verified");
}

TEST(oms, paths_that_the_signer_left_out_are_free_unless_they_hold_code)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_P256);
    Err                e = { 0 };
    const char        *ignore[] = { "logs", "notes.txt" };
    put(&h, "logs/1.txt", S("x")), put(&h, "notes.txt", S("y"));
    CHECK(sign(&h, (ModelSign){ .ignore = ignore, .ignore_count = 2 }, &e));
    put(&h, "logs/2.txt", S("z"));
    CHECK_STR(checked(&h), "verified");
    put(&h, "logs/run.py", S("import os"));
    CHECK_STR(checked(&h), "M108");
    put(&h, "logs2", S("not below logs"));
    CHECK_STR(checked(&h), "M108 M106");
    static const char *const bad[] = { "../x", "/etc", "*.py", "a?", "a/../b", "", "a//b", "[x]" };
    for (size_t i = 0; i < len_of(bad); i++)
        CHECK_ROW(!sign(&h, (ModelSign){ .ignore = &bad[i], .ignore_count = 1 }, &e) && e.code == E_USAGE, bad[i]);
}

TEST(oms, what_cannot_be_signed_is_an_error_with_its_name)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_P256);
    Err                e = { 0 };
    char              *link = arena_printf(a, "%s/link", h.model), *bad = arena_printf(a, "%s/\xFF", h.model);
    CHECK(symlink("config.json", link) == 0);
    CHECK(!sign(&h, (ModelSign){ 0 }, &e) && strstr(e.message, "link") != NULL);
    CHECK(sign(&h, (ModelSign){ .allow_symlinks = true }, &e));
    CHECK_STR(checked(&h), "verified");
    CHECK(unlink(link) == 0 && symlink("sub", link) == 0);
    CHECK(!sign(&h, (ModelSign){ .allow_symlinks = true }, &e));
    CHECK(unlink(link) == 0);
    CHECK(mkfifo(link, 0600) == 0 && !sign(&h, (ModelSign){ 0 }, &e) && strstr(e.message, "neither") != NULL && unlink(link) == 0);
    CHECK(file_replace(bad, S("x"), 0644, &e) && !sign(&h, (ModelSign){ 0 }, &e) && strstr(e.message, "UTF-8") != NULL && unlink(bad) == 0);
    char *none = arena_printf(a, "%s/none", h.dir);
    CHECK(mkdir(none, 0755) == 0 && !sign(&h, (ModelSign){ .path = none }, &e) && strstr(e.message, "nothing to sign") != NULL);
    CHECK(!sign(&h, (ModelSign){ .path = "/nowhere" }, &e) && e.code == E_IO);
}

/* A fifo must not make us wait, a socket not confuse us; both appear after signing. */
TEST(oms, odd_files_beside_the_model_are_findings)
{
    defer_arena Arena *a = arena_new(MEMORY);
    House              h = house(a, KEY_P256);
    Err                e = { 0 };
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    CHECK(sign(&h, (ModelSign){ 0 }, &e));
    CHECK(mkfifo(arena_printf(a, "%s/fifo", h.model), 0600) == 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/sock", h.model);
    defer_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    CHECK_STR(checked(&h), "M106 M106");
    CHECK(unlink(arena_printf(a, "%s/config.json", h.model)) == 0);
    CHECK(mkfifo(arena_printf(a, "%s/config.json", h.model), 0600) == 0);
    CHECK_STR(checked(&h), "M105 M106 M106");
}

/* ---- every byte counts */

/* Without the fsync of file_replace: thousands of these. */
static void overwrite(const char *path, Str bytes)
{
    defer_file FILE *f = fopen(path, "wbe");
    CHECK(f != NULL && fwrite(bytes.p, 1, bytes.n, f) == bytes.n);
}

static void flip_file(Arena *a, const char *path, size_t at, uint8_t bit)
{
    Str  bytes;
    Err  e = { 0 };
    CHECK(file_read(a, path, MEMORY, &bytes, &e) && at < bytes.n);
    ((char *)bytes.p)[at] ^= (char)bit;
    overwrite(path, bytes);
}

TEST(oms, no_byte_of_the_model_can_change)
{
    defer_arena Arena *keep = arena_new(MEMORY);
    House              h = house(keep, KEY_P256);
    Err                e = { 0 };
    static const struct { const char *name; size_t n; } files[] = { { "weights.bin", 16 }, { "config.json", 7 }, { "sub/a:1:2", 6 } };
    CHECK(sign(&h, (ModelSign){ 0 }, &e));
    for (size_t f = 0; f < len_of(files); f++)
        for (size_t i = 0; i < files[f].n; i++) {
            defer_arena Arena *a = arena_new(MEMORY);
            char              *path = arena_printf(a, "%s/%s", h.model, files[f].name);
            flip_file(a, path, i, (uint8_t)(1 << i % 8));
            CHECK_STR(outcome(a, &(ModelCheck){ .path = h.model, .signer = h.pub }), "M104");
            flip_file(a, path, i, (uint8_t)(1 << i % 8));
        }
    CHECK_STR(checked(&h), "verified");
}

/* Whatever byte of the bundle changes, nothing that was not signed comes out as verified. */
TEST(oms, no_byte_of_the_bundle_can_change)
{
    defer_arena Arena *keep = arena_new(MEMORY);
    House              h = house(keep, KEY_P256);
    Err                e = { 0 };
    char              *sig = arena_printf(keep, "%s/model.sig", h.model);
    Str                bytes = { 0 };
    size_t             harmless = 0;
    CHECK(sign(&h, (ModelSign){ 0 }, &e) && file_read(keep, sig, MEMORY, &bytes, &e));
    char       *text = (char *)arena_str(keep, bytes).p;
    const char *hint = strstr(text, "\"hint\"") + 1;  /* the member's name is not signed; without it the key still decides */
    for (size_t i = 0; i < bytes.n; i++) {
        defer_arena Arena *a = arena_new(MEMORY);
        char               bit = (char)(1 << i % 8);
        text[i] ^= bit;
        overwrite(sig, (Str){ text, bytes.n });
        const char *got = outcome(a, &(ModelCheck){ .path = h.model, .signer = h.pub });
        bool        passed = strcmp(got, "verified") == 0;
        CHECK_ROW(!passed || (text + i >= hint && text + i < hint + 4), arena_printf(a, "byte %zu: %s", i, got));
        harmless += passed;
        text[i] ^= bit;
    }
    CHECK(harmless > 0 && harmless <= 4);
}
