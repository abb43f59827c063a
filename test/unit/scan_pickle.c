/* The judge of pickles: other people's files, and a hand-made stream for each requirement. */
#include "base/file.h"
#include "model/scan_pickle.h"
#include "../test.h"

typedef struct Heard {
    unsigned count[128];                               /* by rule                                               */
    Buf      all;                                      /* messages, one a line                                  */
    uint64_t end;
} Heard;

static void hear_hit(void *ctx, const ScanHit *h)
{
    Heard *l = ctx;
    l->count[h->rule]++;
    buf_printf(&l->all, "%s at %" PRIu64 ": %.*s\n", model_rules[h->rule].id, h->byte, STR(h->message));
}

static bool storage(void *ctx, Str key, uint64_t *bytes)
{
    (void)ctx;
    *bytes = 8;
    return str_is(key, "0");
}

static ScanVerdict judge(Str bytes, PickleHome home, Heard *l)
{
    defer_arena Arena *a = arena_new(256 << 20);
    ScanOut    out = { l, hear_hit, NULL };
    ScanPickle in = { .bytes = bytes, .home = home, .storage = home == PICKLE_TORCH_ZIP ? storage : NULL };
    *l = (Heard){ 0 };
    return scan_pickle(a, &in, &out, &l->end);
}

static ScanVerdict verdict(Str bytes, PickleHome home)
{
    Heard       l;
    ScanVerdict v = judge(bytes, home, &l);
    buf_free(&l.all);
    return v;
}

static unsigned raised(Str bytes, PickleHome home, unsigned rule)
{
    Heard l;
    judge(bytes, home, &l);
    buf_free(&l.all);
    return l.count[rule];
}

static bool mentions(Str bytes, const char *what)
{
    Heard l;
    judge(bytes, PICKLE_PLAIN, &l);
    buf_byte(&l.all, 0);
    bool yes = strstr(l.all.p, what) != NULL;
    buf_free(&l.all);
    return yes;
}

typedef struct Row {
    const char *name;
    Str         bytes;
    ScanVerdict want;
} Row;

static void check_rows(const Row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_ROW(verdict(rows[i].bytes, PICKLE_PLAIN) == rows[i].want, rows[i].name);
}

#define SYSTEM "\x8c\x05posix\x8c\x06system"
#define BAD SCAN_MALICIOUS
#define ODD SCAN_SUSPICIOUS

TEST(scan_pickle, p01_every_opcode_of_every_protocol_is_followed_whatever_PROTO_says)
{
    static const Row rows[] = {
        { "protocol 0", S("(lp0\nI1\naI01\naL5L\naF1.5\naS'x'\naVy\na(I1\nI2\ntag0\na(dp1\nNI3\nsag1\na."), SCAN_CLEAN },
        { "protocol 1", S("](K\x01M\x02\x03J\x04\x05\x06\x07G\0\0\0\0\0\0\0\0U\x01xT\x01\0\0\0yX\x01\0\0\0z)}(K\x01K\x02ue."), SCAN_CLEAN },
        { "protocol 2", S("\x80\x02(\x88\x89\x8a\x01\x05\x8b\x01\0\0\0\x05K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87t."), SCAN_CLEAN },
        { "protocol 3", S("\x80\x03(C\x01x" "B\x01\0\0\0yt."), SCAN_CLEAN },
        { "protocol 4", S("\x80\x04\x95\x2e\0\0\0\0\0\0\0(\x8c\x01x\x94\x8d\x01\0\0\0\0\0\0\0y\x8e\x01\0\0\0\0\0\0\0z\x8f(K\x01K\x02\x90(K\x01\x91" "2102N0t."), ODD },
        { "protocol 5", S("\x80\x05\x96\x02\0\0\0\0\0\0\0xy."), SCAN_CLEAN },
        { "STACK_GLOBAL under protocol 0", S("\x80\x00" SYSTEM "\x93\x8c\x04true\x85R."), BAD },
        { "text opcodes under protocol 5", S("\x80\x05" "cos\nsystem\n(S'true'\ntR."), BAD },
        { "a dotted name before protocol 4", S("\x80\x02" "ctorch\nos.system\n)R."), BAD },
        { "a protocol that does not exist", S("\x80\x09N."), SCAN_BROKEN },
    };
    check_rows(rows, len_of(rows));
}

TEST(scan_pickle, p02_the_stack_and_not_the_opcode_before_names_what_is_imported)
{
    static const Row rows[] = {
        { "something popped between", S("\x80\x04\x8c\x05posixN0\x8c\x06systemN0\x93\x8c\x04true\x85R."), BAD },
        { "duplicated and popped", S("\x80\x04\x8c\x05posix2" "0\x8c\x06system\x93\x8c\x04true\x85R."), BAD },
        { "through the memo", S("\x80\x04\x8c\x06system\x94\x8c\x05posix\x94" "00h\x01h\x00\x93\x8c\x04true\x85R."), BAD },
        { "in a slot that is written again", S("\x80\x04\x8c\x08" "builtinsq\x05" "0\x8c\x03setq\x06" "0\x8c\x05posixq\x05" "0\x8c\x06systemq\x06" "0h\x05h\x06\x93\x8c\x04true\x85R."), BAD },
        { "STRING with escapes", S("S'\\x6f\\163'\nS\"sy\\x73tem\"\n\x93)R."), BAD },
        { "UNICODE with escapes", S("V\\u006fs\nVsy\\U00000073tem\n\x93)R."), BAD },
        { "SHORT_BINSTRING", S("U\x02osU\x06system\x93)R."), BAD },
        { "BINSTRING", S("T\x02\0\0\0osT\x06\0\0\0system\x93)R."), BAD },
        { "BINUNICODE8", S("\x8d\x02\0\0\0\0\0\0\0osX\x06\0\0\0system\x93)R."), BAD },
        { "bytes", S("C\x02osC\x06system\x93)R."), BAD },
        { "what a call gives", S("cbuiltins\nstr\nS'os'\n\x85RS'system'\n\x93)R."), BAD },
        { "harmless, by the same ways", S("U\x0b" "collectionsU\x0bOrderedDict\x93)R."), SCAN_CLEAN },
    };
    check_rows(rows, len_of(rows));
    CHECK(raised(S("NN\x93)R."), PICKLE_PLAIN, RULE_PICKLE_DYNAMIC) == 1);
}

TEST(scan_pickle, p03_memo_indexes_are_read_as_python_reads_them)
{
    static const Row rows[] = {
        { "a sign, blanks and underscores", S("S'os'\np+1\n0S'system'\np 1_0 \n0g1\ng+10\n\x93)R."), BAD },
        { "a NUL behind the digits", S("S'os'\np1\0x\n0g1\nS'system'\n\x93)R."), BAD },
        { "leading zeros", S("S'os'\np007\n0g7\nS'system'\n\x93)R."), BAD },
        { "negative", S("Np-1\n."), SCAN_BROKEN },
        { "two underscores", S("Np1__0\n."), SCAN_BROKEN },
        { "no digits", S("Np\n."), SCAN_BROKEN },
        { "hexadecimal", S("Np0x10\n."), SCAN_BROKEN },
        { "never written", S("h\x07."), SCAN_BROKEN },
        { "MEMOIZE counts what BINPUT wrote", S("\x80\x04\x8c\x02osq\x64\x94" "0\x8c\x06system\x94" "0h\x01h\x02\x93)R."), BAD },
        { "a slot far out", S("Nr\xff\xff\xff\x7f."), ODD },
        { "and read again", S("S'os'\nr\xff\xff\xff\x7f" "0j\xff\xff\xff\x7fS'system'\n\x93)R."), BAD },
        { "beyond 2^32", S("Np99999999999\n."), ODD },
    };
    check_rows(rows, len_of(rows));
    CHECK(raised(S("Nr\xff\xff\xff\x7f."), PICKLE_PLAIN, RULE_PICKLE_MEMORY) == 1);
}

TEST(scan_pickle, p04_what_ran_before_an_error_is_told)
{
    static const Row rows[] = {
        { "no opcode behind the call", S("\x80\x04" SYSTEM "\x93\x8c\x04true\x85R0\xff"), BAD },
        { "cut behind the call", S("\x80\x04" SYSTEM "\x93\x8c\x04true\x85R\x8c\xff"), BAD },
        { "a lost memo slot in front", S("\x80\x04h\x09" "0" SYSTEM "\x93\x8c\x04true\x85R."), BAD },
        { "a lost mark in front", S("\x80\x04" "10" SYSTEM "\x93\x8c\x04true\x85R."), BAD },
        { "an argument that is missing", S("\x80\x04" SYSTEM "\x93R."), BAD },
        { "nothing but broken", S("\x80\x04K"), SCAN_BROKEN },
        { "no STOP", S("\x80\x04N"), SCAN_BROKEN },
        { "a length beyond the file", S("\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "abc."), SCAN_BROKEN },
        { "a negative length", S("T\xff\xff\xff\xff" "abc."), SCAN_BROKEN },
        { "only STOP", S("."), SCAN_BROKEN },
        { "a list as key", S("}]Ns."), SCAN_BROKEN },
        { "a key without a value", S("}(K\x01u."), SCAN_BROKEN },
    };
    check_rows(rows, len_of(rows));
}

TEST(scan_pickle, p05_frames_change_nothing_and_odd_ones_are_told)
{
    static const Row rows[] = {
        { "as it should be", S("\x80\x04\x95\x06\0\0\0\0\0\0\0\x8c\x03" "abc."), SCAN_CLEAN },
        { "past the file", S("\x80\x04\x95\xff\0\0\0\0\0\0\0\x8c\x03" "abc."), ODD },
        { "across an opcode", S("\x80\x04\x95\x03\0\0\0\0\0\0\0\x8c\x03" "abc."), ODD },
        { "in a frame", S("\x80\x04\x95\x0f\0\0\0\0\0\0\0\x95\x06\0\0\0\0\0\0\0\x8c\x03" "abc."), ODD },
        { "behind STOP", S("\x80\x04\x95\x07\0\0\0\0\0\0\0\x8c\x03" "abc.N"), ODD },
        { "hides no call", S("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff" SYSTEM "\x93\x8c\x04true\x85R."), BAD },
        { "PROTO twice", S("\x80\x04\x80\x04N."), ODD },
        { "values left over", S("NN."), ODD },
    };
    check_rows(rows, len_of(rows));
}

TEST(scan_pickle, p06_pickles_behind_the_first_are_judged_and_other_bytes_are_left)
{
    static const Row rows[] = {
        { "the second calls", S("N.cos\nsystem\n(S'true'\ntR."), BAD },
        { "the fifth calls", S("N.N.N.N.cos\nsystem\n(S'true'\ntR."), BAD },
        { "behind zeros", S("\x80\x04N.\0\0\0\0\0\0\0\0\x80\x04" SYSTEM "\x93\x8c\x04true\x85R."), BAD },
        { "behind text, protocol 0", S("N.# weights follow #cos\nsystem\n(S'true'\ntR."), BAD },
        { "behind a broken one", S("\xff\xff\x80\x04" SYSTEM "\x93\x8c\x04true\x85R."), BAD },
        { "an unknown name and no end", S("N.cfoo\nbar\n)R"), ODD },
        { "raw bytes", S("\x80\x04N.\0\0\0\0\x80\x03zzz"), SCAN_CLEAN },
    };
    Heard l;
    check_rows(rows, len_of(rows));
    judge(S("N.N.\0\0\0"), PICKLE_PLAIN, &l);
    CHECK(l.end == 4);
    buf_free(&l.all);
}

static Str named(Arena *a, const char *module, const char *name)
{
    return str(arena_printf(a, "c%s\n%s\n)R.", module, name));
}

TEST(scan_pickle, p07_names_are_judged_exactly_and_under_both_pythons)
{
    static const struct { const char *module, *name; ScanVerdict want; } rows[] = {
        { "__builtin__", "eval", BAD }, { "__builtin__", "set", SCAN_CLEAN }, { "commands", "getoutput", BAD }, { "exceptions", "ValueError", SCAN_CLEAN },
        { "__builtin__", "reduce", BAD }, { "itertools", "imap", BAD }, { "urllib2", "urlopen", BAD }, { "copy_reg", "nothing", ODD },
        { "asyncio.unix_events", "x", BAD }, { "collections", "OrderedDict", SCAN_CLEAN }, { "collections.OrderedDict", "x", ODD },
        { "collections.abc", "OrderedDict", ODD }, { "osx", "y", ODD }, { "sklearn.utils._testing", "raises", BAD }, { "sklearn", "anything", ODD },
        { "torch", "os.system", BAD }, { "collections", "OrderedDict.fromkeys", ODD }, { "collections", "OrderedDict.__class__", BAD },
        { "torch.serialization", "os.system", BAD }, { "numpy", "ndarray.__init_subclass__", BAD }, { "torch", "hub.load", BAD }, { "x", "sys", BAD },
        { "os ", "system", BAD }, { "os\r", "system", BAD }, { "os ", "x", ODD }, { "", "x", ODD }, { "x", "", ODD }, { "\xd0\xbes", "x", ODD }, { "a..b", "c", ODD },
        { "pip", "main", BAD }, { "pip._internal", "main", BAD }, { "mymodel", "Net", ODD }, { "mymodel", "run_command", BAD }, { "mymodel", "load", BAD },
    };
    defer_arena Arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < len_of(rows); i++) {
        Str bytes = named(a, rows[i].module, rows[i].name);
        CHECK_ROW(verdict(bytes, PICKLE_PLAIN) == rows[i].want, bytes.p);
    }
}

static void check_words(const GlobalRow *row, Str modules, const char *names)
{
    for (Str module; modules.n > 0;) {
        str_cut(modules, ' ', &module, &modules);
        for (Str rest = str(names), name; rest.n > 0;) {
            str_cut(rest, ' ', &name, &rest);
            GlobalVerdict v = global_judge(module, name);
            CHECK_ROW(module.n > 0 && name.n > 0 && v.tier == row->tier && !v.odd, name.p);
        }
    }
}

TEST(scan_pickle, p08_every_row_has_a_reason_and_its_own_tier_and_no_allow_row_a_wildcard)
{
    const GlobalRow *tables[] = { globals_allow, globals_sklearn, globals_deny };
    const size_t     lens[] = { globals_allow_len, globals_sklearn_len, globals_deny_len };
    for (size_t t = 0; t < len_of(tables); t++)
        for (size_t i = 0; i < lens[t]; i++) {
            const GlobalRow *r = &tables[t][i];
            CHECK_ROW(r->reason != NULL && r->reason[0] != 0, r->module);
            CHECK_ROW((r->tier == TIER_ARGS) == (r->shape != SHAPE_NONE) && (t == 2) == (r->tier == TIER_DENY), r->module);
            CHECK_ROW(t == 2 || (strchr(r->names, '*') == NULL && strchr(r->module, '*') == NULL), r->module);
            check_words(r, str(r->module), r->names[0] == '*' ? "anything" : r->names);
        }
}

#define ARRAY "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\x01" "btR"
#define DTYPE(t) "cnumpy\ndtype\n(S'" t "'\nI00\nI01\ntR"
#define TENSOR "ctorch._utils\n_rebuild_tensor_v2\n"
#define STORE(key, count) "(S'storage'\nctorch\nFloatStorage\nS'" key "'\nS'cpu'\n" count "tQ"

TEST(scan_pickle, p08_functions_of_the_second_tier_need_their_own_arguments)
{
    static const Row rows[] = {
        { "an array", S(ARRAY "."), SCAN_CLEAN },
        { "of an unknown class", S("cnumpy.core.multiarray\n_reconstruct\n(cos\nPathLike\n(K\0tC\x01" "btR."), BAD },
        { "with a size", S("cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x05tC\x01" "btR."), ODD },
        { "a type", S(DTYPE("f8") "."), SCAN_CLEAN },
        { "a type of records in a text", S(DTYPE("f8,O,(3)i4{") "."), ODD },
        { "a number", S("cnumpy.core.multiarray\nscalar\n(" DTYPE("f8") "C\x01xtR."), SCAN_CLEAN },
        { "a number without its type", S("cnumpy.core.multiarray\nscalar\n(NC\x01xtR."), ODD },
        { "latin1", S("c_codecs\nencode\n(Vabc\nVlatin1\ntR."), SCAN_CLEAN },
        { "another codec", S("c_codecs\nencode\n(Vabc\nVrot13\ntR."), ODD },
        { "another codec by escapes", S("c_codecs\nencode\n(Vabc\nS'latin1.x'\ntR."), ODD },
        { "defaultdict", S("ccollections\ndefaultdict\n(cbuiltins\nlist\ntR."), SCAN_CLEAN },
        { "defaultdict of an unknown", S("ccollections\ndefaultdict\n(cmodel\nf\ntR."), ODD },
        { "an old object", S("ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR."), SCAN_CLEAN },
        { "an old object of an unknown class", S("ccopy_reg\n_reconstructor\n(cmodel\nNet\nc__builtin__\nobject\nNtR."), ODD },
        { "many bytes", S("cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR."), ODD },
        { "a class called", S("cnumpy\nndarray\n((K\x01ttR."), ODD },
        { "a class made", S("ccollections\nOrderedDict\n)\x81."), SCAN_CLEAN },
    };
    check_rows(rows, len_of(rows));
    CHECK(verdict(S(TENSOR "(" STORE("0", "K\x02") "K\0(K\x02t(K\x01tI00\nccollections\nOrderedDict\n)RtR."), PICKLE_TORCH_ZIP) == SCAN_CLEAN);
    CHECK(verdict(S(TENSOR "(NK\0(K\x02t(K\x01tI00\nccollections\nOrderedDict\n)RtR."), PICKLE_TORCH_ZIP) == ODD);
    CHECK(verdict(S(TENSOR "(" STORE("0", "K\x02") "K\0(K\x02t(K\x01tI00\ncmodel\nhooks\ntR."), PICKLE_TORCH_ZIP) == ODD);
}

TEST(scan_pickle, p09_every_way_to_call_and_to_set_a_state_is_seen)
{
    static const Row rows[] = {
        { "NEWOBJ of a function", S("\x80\x02" "cos\nsystem\nS'true'\n\x85\x81."), BAD },
        { "NEWOBJ_EX", S("\x80\x04" "cos\nsystem\nS'true'\n\x85}\x92."), BAD },
        { "OBJ", S("(cos\nsystem\nS'true'\no."), BAD },
        { "INST", S("(S'true'\nios\nsystem\n."), BAD },
        { "result popped", S("cos\nsystem\n(S'true'\ntR0N."), BAD },
        { "result built upon", S("cos\nsystem\n(S'true'\ntR}b."), BAD },
        { "result memoised", S("cos\nsystem\n(S'true'\ntRq\0" "0N."), BAD },
        { "a function that was only imported", S("cos\nsystem\n0N."), BAD },
        { "attributes of a class", S("ccollections\nOrderedDict\n}(S'x'\nI1\nub."), BAD },
        { "attributes of a module's function through the memo", S("cnumpy\nndarray\nq\1}b0h\1."), BAD },
        { "slots with callables", S("cbuiltins\nobject\n)\x81(N}(S'f'\ncbuiltins\nlist\nutb."), ODD },
        { "slots with numbers", S("cbuiltins\nobject\n)\x81(N}(S'f'\nI1\nutb."), SCAN_CLEAN },
        { "a result called", S("ccollections\nOrderedDict\n)R)R."), ODD },
        { "a text called", S("S'x'\n)R."), ODD },
        { "OBJ without a class", S("(o."), SCAN_BROKEN },
    };
    check_rows(rows, len_of(rows));
    CHECK(mentions(S("cos\nsystem\n(S'true'\ntR."), "M001 at 22: calls os.system on load"));
    CHECK(raised(S("ccollections\nOrderedDict\n}(S'x'\nI1\nub."), PICKLE_PLAIN, RULE_PICKLE_PATCHES) == 1);
}

TEST(scan_pickle, p10_persistent_ids_must_name_storages_that_are_there)
{
    static const struct { const char *name; Str bytes; ScanVerdict want; } rows[] = {
        { "there", S(STORE("0", "K\x02") "."), SCAN_CLEAN },
        { "missing", S(STORE("1", "K\x02") "."), ODD },
        { "longer than its data", S(STORE("0", "K\x03") "."), ODD },
        { "overflowing", S(STORE("0", "L4611686018427387905L\n") "."), ODD },
        { "negative", S(STORE("0", "J\xff\xff\xff\xff") "."), ODD },
        { "of no storage class", S("(S'storage'\nccollections\nOrderedDict\nS'0'\nS'cpu'\nK\x02tQ."), ODD },
        { "something else", S("S'x'\nQ."), ODD },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(verdict(rows[i].bytes, PICKLE_TORCH_ZIP) == rows[i].want, rows[i].name);
    CHECK(verdict(S(STORE("0", "K\x02") "."), PICKLE_PLAIN) == ODD && verdict(S("Pid\n."), PICKLE_PLAIN) == ODD);
}

#define MAGIC "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define LEGACY MAGIC "\x80\x02M\xe9\x03.\x80\x02}."

TEST(scan_pickle, p10_an_old_torch_file_is_five_pickles_and_its_storages)
{
    Heard l;
    Str   file = S(LEGACY "\x80\x02" STORE("7", "K\x02") ".\x80\x02]S'7'\na." "\x02\0\0\0\0\0\0\0" "abcdefgh" "rest");
    CHECK(judge(file, PICKLE_PLAIN, &l) == SCAN_CLEAN && l.end == file.n - 4);
    buf_free(&l.all);
    CHECK(verdict((Str){ file.p, file.n - 5 }, PICKLE_TORCH_LEGACY) == ODD);
    CHECK(verdict(S("\x80\x02" "ccollections\nCounter\n)R." "\x80\x02M\xe9\x03."), PICKLE_TORCH_LEGACY) == BAD);
    CHECK(verdict(S(MAGIC "cfoo\nbar\n)R"), PICKLE_PLAIN) == ODD);
    CHECK(verdict(S(MAGIC), PICKLE_PLAIN) == SCAN_BROKEN);
    CHECK(verdict(S(LEGACY "cos\nsystem\n(S'true'\ntR."), PICKLE_PLAIN) == BAD);
}

TEST(scan_pickle, p11_items_go_only_into_what_takes_them)
{
    static const Row rows[] = {
        { "a list", S("]K\x01" "a."), SCAN_CLEAN },
        { "SETITEM of a tensor", S(ARRAY "K\x01K\x02s."), ODD },
        { "APPEND to a text", S("S'x'\nK\x01" "a."), ODD },
        { "ADDITEMS to a list", S("](K\x01\x90."), ODD },
        { "SETITEMS of a class", S("ccollections\nCounter\n(K\x01K\x02u."), ODD },
        { "an ordered dictionary", S("ccollections\nOrderedDict\n)R(K\x01K\x02u."), SCAN_CLEAN },
        { "a deque", S("ccollections\ndeque\n)R(K\x01K\x02" "e."), SCAN_CLEAN },
        { "a deque as dictionary", S("ccollections\ndeque\n)R(K\x01K\x02u."), ODD },
    };
    check_rows(rows, len_of(rows));
}

TEST(scan_pickle, p12_pickles_in_texts_are_found_plain_and_encoded)
{
    static const Row rows[] = {
        { "bytes", S("\x80\x04" "C\x1b\x80\x04" SYSTEM "\x93\x8c\x04true\x85R.."), ODD },
        { "protocol 0 in bytes", S("\x80\x04" "C\x14" "cos\nsystem\n(S'x'\ntR.."), ODD },
        { "in a text, latin1", S("\x80\x04\x8c\x21\xc2\x80\x04\xc2\x8c\x05posix\xc2\x8c\x06system\xc2\x93\xc2\x8c\x04true\xc2\x85R.."), ODD },
        { "base64", S("\x80\x04\x8c\x24gASMBXBvc2l4jAZzeXN0ZW2TjAR0cnVlhVIu."), BAD },
        { "base64 in two lines", S("\x80\x04\x8c\x25gASMBXBvc2l4jAZzeXN0\nZW2TjAR0cnVlhVIu."), BAD },
        { "hexadecimal", S("\x80\x04\x8c\x36" "80048c05706f7369788c0673797374656d938c047472756585522e."), BAD },
        { "base64 in a pickle in base64", S("\x80\x04\x8c\x38gASMJGdBU01CWEJ2YzJsNGpBWnplWE4wWlcyVGpBUjBjblZsaFZJdS4=."), BAD },
        { "a harmless one", S("\x80\x04" "C\x09\x80\x04]K\x01" "aN0.."), SCAN_CLEAN },
        { "words", S("\x80\x04\x8c\x14" "config.json is there."), SCAN_CLEAN },
        { "a number in words", S("\x80\x04\x8c\x08" "0.123456."), SCAN_CLEAN },
    };
    check_rows(rows, len_of(rows));
}

TEST(scan_pickle, p13_hostile_streams_end_at_a_limit)
{
    enum { N = 64 << 20 };
    char *big = malloc(N);
    CHECK(big != NULL);
    memset(big, 'N', N);
    CHECK(raised((Str){ big, N }, PICKLE_PLAIN, RULE_PICKLE_LIMIT) == 1);
    memset(big, '(', N);
    CHECK(verdict((Str){ big, N }, PICKLE_PLAIN) >= SCAN_UNSCANNABLE);
    memset(big, ')', N / 2), memset(big + 1, '\x85', N / 2);
    big[N / 2] = '.';
    CHECK(verdict((Str){ big, N / 2 + 1 }, PICKLE_PLAIN) == SCAN_CLEAN);       /* one tuple in another, 32 million times */
    for (size_t i = 0; i + 6 <= N / 4; i += 6)
        memcpy(big + i, (char[]){ 'N', 'r', (char)(i >> 3), (char)(i >> 11), (char)(i >> 7), (char)(i >> 15) }, 6);
    CHECK(verdict((Str){ big, N / 4 }, PICKLE_PLAIN) >= SCAN_UNSCANNABLE);     /* memo slots all over the place */
    free(big);
}

TEST(scan_pickle, p13_few_bytes_that_unfold_to_very_many_values_are_told)
{
    defer_buf Buf b = { 0 };
    buf_z(&b, "]q"), buf_byte(&b, 0), buf_z(&b, "(NNNNNNNNNNe0");
    for (int i = 1; i < 12; i++) {
        buf_z(&b, "]q"), buf_byte(&b, (uint8_t)i), buf_byte(&b, '(');
        for (int k = 0; k < 10; k++)
            buf_byte(&b, 'h'), buf_byte(&b, (uint8_t)(i - 1));
        buf_z(&b, "e0");
    }
    buf_z(&b, "h\x0b.");
    CHECK(raised(buf_view(&b), PICKLE_PLAIN, RULE_PICKLE_MEMORY) == 1);
    b.n = 0;
    for (int i = 0; i < 64; i++)
        buf_z(&b, i ? "2\x86" : "N2\x86");
    buf_byte(&b, '.');
    CHECK(raised(buf_view(&b), PICKLE_PLAIN, RULE_PICKLE_MEMORY) == 1);
}

TEST(scan_pickle, p13_a_flood_of_small_findings_hides_no_large_one)
{
    defer_buf Buf b = { 0 };
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "cmodel\nn%d\n0", i);
    buf_z(&b, "cos\nsystem\n(S'true'\ntR.");
    CHECK(verdict(buf_view(&b), PICKLE_PLAIN) == BAD);
}

TEST(scan_pickle, p14_extension_codes_are_unknown_callables)
{
    static const Row rows[] = {
        { "EXT1", S("\x80\x02\x82\x01)R."), ODD }, { "EXT2", S("\x80\x02\x83\x01\x01)R."), ODD }, { "EXT4", S("\x80\x02\x84\x01\x01\x01\x01)R."), ODD },
        { "never called", S("\x80\x02\x82\x01."), ODD },
        { "buffers from outside", S("\x80\x05\x97\x98."), ODD },
    };
    check_rows(rows, len_of(rows));
}

/* ---- joblib: an array's bytes between opcodes */

#define WRAPPER "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(S'shape'\n"
#define STATE(t, size, flags) "(K\x03S'<'\nNNN" size size "K" flags "tb"
#define F8 DTYPE("f8") STATE("f8", "J\xff\xff\xff\xff", "\0")
#define CALL "cos\nsystem\n(S'true'\ntR0"

TEST(scan_pickle, p06_the_bytes_of_joblibs_arrays_are_skipped_when_their_number_is_certain)
{
    static const struct { const char *name; Str bytes; ScanVerdict want; } rows[] = {
        { "one number", S(WRAPPER "(K\x01tS'dtype'\n" F8 "ubcos\nsys\n."), SCAN_CLEAN },
        { "code behind it", S(WRAPPER "(K\x01tS'dtype'\n" F8 "ubcos\nsys\n" CALL "."), BAD },
        { "padding", S(WRAPPER "(K\x01tS'dtype'\n" F8 "S'numpy_array_alignment_bytes'\nK\x10ub\x03\xff\xff\xff" "12345678."), SCAN_CLEAN },
        { "no shape", S(WRAPPER "NS'dtype'\n" F8 "ub" "12345678."), ODD },
        { "a shape that is computed", S(WRAPPER "(cbuiltins\nint\n)RtS'dtype'\n" F8 "ub."), ODD },
        { "a shape that overflows", S(WRAPPER "(M\xff\xffJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ftS'dtype'\n" F8 "ub."), ODD },
        { "longer than the file", S(WRAPPER "(K\x09tS'dtype'\n" F8 "ub" "12345678."), ODD },
        { "texts of four letters", S(WRAPPER "(K\x01tS'dtype'\n" DTYPE("U4") STATE("U4", "K\x10", "\x08") "ub" "0123456789abcdef."), SCAN_CLEAN },
        { "a type that BUILD changed behind the memo", S(DTYPE("V4") "q\1" STATE("V4", "K\x08", "\0") "0" WRAPPER "(K\x01tS'dtype'\nh\1ub" "12345678."), SCAN_CLEAN },
        { "objects: a pickle of its own", S(WRAPPER "(K\x01tS'dtype'\n" DTYPE("O8") STATE("O8", "J\xff\xff\xff\xff", "\x3f") "ubN.."), SCAN_CLEAN },
        { "objects, with a call", S(WRAPPER "(K\x01tS'dtype'\n" DTYPE("O8") STATE("O8", "J\xff\xff\xff\xff", "\x3f") "ub" CALL "N.."), BAD },
        { "the flag for objects on a number", S(WRAPPER "(K\x01tS'dtype'\n" DTYPE("f8") STATE("f8", "J\xff\xff\xff\xff", "\x01") "ub" CALL "N.."), BAD },
        { "a state twice", S(WRAPPER "(K\x01tS'dtype'\n" F8 "ub" "12345678" "q\1}(S'shape'\n(K\x01tS'dtype'\n" F8 "ub" "12345678."), ODD },
        { "a dictionary changed through the memo", S("cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}q\1(S'shape'\n(K\x01tS'dtype'\n" F8 "uh\1S'shape'\n(K\x02ts0b" "1234567812345678."), SCAN_CLEAN },
    };
    for (size_t i = 0; i < len_of(rows); i++)
        CHECK_ROW(verdict(rows[i].bytes, PICKLE_JOBLIB) == rows[i].want, rows[i].name);
    CHECK(verdict(rows[0].bytes, PICKLE_PLAIN) >= ODD);
}

/* ---- other people's files */

typedef struct Tally {
    unsigned malicious, found, as_malicious, benign, false_malicious, false_suspicious, other, missed;
} Tally;

static void count(Tally *t, Str expected, ScanVerdict v)
{
    bool bad = v >= SCAN_SUSPICIOUS;
    if (str_is(expected, "malicious"))
        t->malicious++, t->found += bad, t->as_malicious += v == SCAN_MALICIOUS;
    else if (str_is(expected, "benign"))
        t->benign++, t->false_malicious += v == SCAN_MALICIOUS, t->false_suspicious += v == SCAN_SUSPICIOUS;
    else
        t->other++, t->missed += v == SCAN_CLEAN;
}

static void judge_file(Tally *t, Str name, Str expected)
{
    Err   e = { 0 };
    char  path[512];
    Heard l;
    defer_arena Arena *a = arena_new(64 << 20);
    snprintf(path, sizeof path, "%s/model/%.*s", getenv("MOAT_VECTORS"), STR(name));
    Str         bytes;
    CHECK_ROW(file_read(a, path, 64 << 20, &bytes, &e), path);
    ScanVerdict v = judge(bytes, PICKLE_PLAIN, &l);
    count(t, expected, v);
    buf_free(&l.all);
}

TEST(scan_pickle, agrees_with_other_peoples_files)
{
    const char *csv = test_vectors("model/scan/expected.csv");
    if (csv == NULL)
        skip();
    defer_arena Arena *a = arena_new(64 << 20);
    Err   e = { 0 };
    Tally t = { 0 };
    Str   rest, line, name, format, expected;
    CHECK(file_read(a, csv, 1 << 20, &rest, &e));
    while (str_cut(rest, '\n', &line, &rest)) {
        str_cut(line, ',', &name, &line), str_cut(line, ',', &format, &line), str_cut(line, ',', &expected, &line);
        if (str_is(format, "pkl"))
            judge_file(&t, name, expected);
    }
    print_message("malicious %u: found %u, as malicious %u; benign %u: malicious %u, suspicious %u; others %u: clean %u\n", t.malicious, t.found,
                  t.as_malicious, t.benign, t.false_malicious, t.false_suspicious, t.other, t.missed);
    CHECK(t.found * 100 >= t.malicious * 98 && t.as_malicious * 100 >= t.malicious * 90);
    CHECK(t.false_malicious == 0 && t.false_suspicious * 100 <= t.benign * 5);
    CHECK(t.missed == 0);
}
