/* model_serve.c - `moat model serve`. */
#include "cli/model_cmds.h"
#include "model/serve.h"
#include <signal.h>

static const char *listen_at, *name, *signature, *key_file, *sha256_hex, *max_body;
static long        max_rows, threads;

const Opt model_serve_opts[8] = {
    { "listen", 'l', OPT_TEXT, &listen_at, "HOST:PORT", "where to answer; default: serve: of moat.yaml, else 127.0.0.1:8500" },
    { "name", 0, OPT_TEXT, &name, "NAME", "what the model is called in paths; default: its name in moat.yaml, else model" },
    { "key", 'k', OPT_TEXT, &key_file, "FILE", "public key that must have signed the model" },
    { "signature", 0, OPT_TEXT, &signature, "FILE", "the signature; default: PATH.sig" },
    { "sha256", 0, OPT_TEXT, &sha256_hex, "HEX", "digest that the model must have" },
    { "max-body", 0, OPT_TEXT, &max_body, "SIZE", "longest request body; default: 64MiB" },
    { "max-rows", 0, OPT_INT, &max_rows, "N", "most rows in one request; default: 4096" },
    { "threads", 0, OPT_INT, &threads, "N", "threads that answer; default: one for each processor" },
};

static const char *text_or(Arena *a, Str s, const char *fallback) { return s.n ? arena_str(a, s).p : fallback; }

static bool limits(ServeOptions *o, Err *e)
{
    o->max_rows = (size_t)max_rows, o->threads = (unsigned)threads;
    if (max_rows < 0 || threads < 0 || threads > 256)
        return err_set(e, E_USAGE, "--max-rows and --threads want positive numbers, at most 256 threads");
    if (max_body != NULL && (!str_size(str(max_body), &o->max_body) || o->max_body == 0))
        return err_set(e, E_USAGE, "--max-body wants a size such as 64MiB, not '%s'", max_body);
    return true;
}

static bool names(Arena *a, const ModelTarget *t, ServeOptions *o, Err *e)
{
    Str declared = t->m ? t->m->serve : S(""), part = t->m ? t->m->part.name : S("");
    o->listen = listen_at ? listen_at : text_or(a, declared, "127.0.0.1:8500");
    o->name = name ? name : text_or(a, part, "model");
    if (*o->name == '\0' || strpbrk(o->name, "/:?#%") != NULL)
        return err_set(e, E_USAGE, "--name wants a word without / : ? # %%, not '%s'", o->name);
    return true;
}

/* A model that does not verify is never loaded; the findings say which file and which digest. */
static int refuse(Findings *found, const ModelTarget *t, const Err *e)
{
    findings_sort(found);
    findings_text(found, stderr, colour_on(stderr));
    if (e->code == E_OK)
        fprintf(stderr, "moat: error: %s does not verify and is not served\n", t->c.path);
    else
        die(e);
    return e->code == E_USAGE ? EXIT_USAGE : exit_of(found, SEV_MEDIUM, true);
}

static int run(Arena *a, const ModelTarget *t, const ServeOptions *o, const sigset_t *stop)
{
    Err          e = { 0 };
    ModelVerdict v;
    Findings    *found = findings_new(a);
    char         hex[DIGEST_HEX];
    int          signal;
    ModelServer *s = model_serve_start(&t->c, o, found, &v, &e);
    if (s == NULL)
        return refuse(found, t, &e);
    const char *address = model_serve_address(s);
    if (!model_note(t, RECORD_MODEL_DEPLOY, &v, str(address), &e)) {
        model_serve_stop(s);
        return die(&e);
    }
    digest_hex(&v.digest, hex);
    fprintf(stderr, "moat: serving %s (sha256 %.16s) on http://%s\n", o->name, hex, address);
    sigwait(stop, &signal);
    model_serve_stop(s);
    return EXIT_CLEAN;
}

int model_serve_cmd(int argc, char **argv)
{
    defer_arena Arena *a = arena_new(MODEL_ARENA);
    Err                e = { 0 };
    ModelTarget        t;
    ServeOptions       o = { 0 };
    sigset_t           stop;
    if (argc != 1)
        return usage("moat model serve PATH|NAME [--listen HOST:PORT]");
    if (a == NULL || !model_target(a, argv[0], &t, &e) || !limits(&o, &e) || !names(a, &t, &o, &e) ||
        !model_proof(&t, signature, key_file, sha256_hex, &e))
        return die(&e);
    /* Before any thread starts, so that all of them leave these signals to sigwait. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM), sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    return run(a, &t, &o, &stop);
}
