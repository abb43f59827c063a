/* Notes, checkpoints, verifier keys and proof files: what is read lies inside the input, what is written back reads the
 * same, and nothing verifies that was not signed. */
#include "crypto/note.h"

static bool inside(Str part, Str whole) { return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n); }

static Verifier known;
static Key     *known_key;                             /* made once: the rest is about reading */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char vkey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    (void)argc, (void)argv;
    return verifier_parse(str(vkey), &known, &known_key, NULL) ? 0 : 1;
}

static void fuzz_note(Str in)
{
    Note n;
    if (note_open(in, &known, 1, &n, NULL) && (n.verified != 1 || !str_is(n.text, "This is an example message.\n")))
        abort();
    Checkpoint c;
    if (checkpoint_open(in, S(""), known_key, NULL, 0, &c, NULL))
        abort();                                       /* the only text that this key signed is no checkpoint */
}

static void fuzz_checkpoint(Str in)
{
    Checkpoint    c, again;
    defer_buf Buf b = { 0 };
    if (!checkpoint_parse(in, &c, NULL))
        return;
    if (!inside(c.origin, in))
        abort();
    buf_printf(&b, "%.*s\n%" PRIu64 "\n", STR(c.origin), c.size);
    base64_put(&b, (Str){ (char *)c.root.b, sizeof c.root.b });
    buf_byte(&b, '\n');
    if (!str_starts(in, buf_view(&b)) && memchr(c.origin.p, 0, c.origin.n) == NULL)
        abort();
    if (!checkpoint_parse(buf_view(&b), &again, NULL) && memchr(c.origin.p, 0, c.origin.n) == NULL)
        abort();
}

static void fuzz_proof(Str in)
{
    Proof         p;
    defer_buf Buf b = { 0 };
    if (!proof_parse(in, &p, NULL))
        return;
    if (!inside(p.extra, in) || !inside(p.checkpoint, in) || p.len > MERKLE_PROOF_MAX)
        abort();
    if (!proof_put(&p, &b) || !str_eq(buf_view(&b), in))
        abort();                                       /* one proof, one spelling */
    Digest     leaf = merkle_leaf(in);
    Checkpoint c = { S("x"), p.index + 1, sha256(in) };
    if (proof_ok(&p, &leaf, &c))
        abort();
}

static void fuzz_verifier(Str in)
{
    Verifier      v;
    Key          *key;
    defer_buf Buf b = { 0 };
    if (!verifier_parse(in, &v, &key, NULL))
        return;
    if (!inside(v.name, in) || !note_name_ok(v.name) || !verifier_put(&v, &b) || b.n != in.n)
        abort();
    key_free(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Str in = { (const char *)data, size };
    fuzz_note(in);
    fuzz_checkpoint(in);
    fuzz_proof(in);
    fuzz_verifier(in);
    return 0;
}
