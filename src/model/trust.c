/* trust.c - may this model be used here?  Signature, scan and history together; see model.h. */
#include "model/rules.h"
#include "model/scan.h"
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The scan of exactly these bytes: the ledger's, if this version made it, else one made now.  A folder's digest says nothing about names
 * and about files that the signer left out, so a folder is scanned anew each time. */
static bool scan_of(Arena *a, const ModelCheck *c, Ledger *l, Findings *found, const ModelVerdict *v, ScanVerdict *out, Err *e)
{
    ScanSummary s;
    Findings   *mine = findings_new(a);
    ScanOptions o = { .part = c->part, .digest = true, .uncounted = v->ignored, .uncounted_count = v->ignored_count };
    if (l != NULL && !is_folder(c->path) && model_scan_known(l, a, &v->digest, out, e) && *out == SCAN_CLEAN)
        return true;
    if (e->code != E_OK)
        return false;
    if (mine == NULL || !model_scan(a, c->path, &o, mine, &s, e))
        return mine != NULL || err_nomem(e);
    for (size_t i = 0; i < findings_count(mine); i++)
        if (!finding_add(found, *findings_at(mine, i)))
            return err_nomem(e);
    *out = s.verdict;
    if (s.verdict != SCAN_CLEAN)                       /* refused, whatever the digest */
        return true;
    if (!s.has_digest || !digest_eq(&s.digest, &v->digest))
        return err_set(e, E_IO, "%s: changed between its verification and its scan", c->path);
    return true;
}

static bool raise(Arena *a, Findings *found, size_t rule, Severity severity, const ModelCheck *c, const char *message)
{
    Finding f = finding_of(&model_rules[rule], c->part, arena_str(a, str(c->path)));
    f.severity = severity;
    if (message != NULL)
        f.message = str(message);
    return finding_add(found, f);
}

static bool judge_scan(Arena *a, const ModelCheck *c, Ledger *l, Findings *found, ModelVerdict *v, Err *e)
{
    static const Severity severities[] = { [SCAN_UNSCANNABLE] = SEV_MEDIUM, [SCAN_BROKEN] = SEV_MEDIUM, [SCAN_SUSPICIOUS] = SEV_HIGH,
                                           [SCAN_MALICIOUS] = SEV_CRITICAL };
    ScanVerdict scan;
    if (c->scan_off)
        return true;
    if (!scan_of(a, c, l, found, v, &scan, e))
        return false;
    if (scan == SCAN_CLEAN)
        return true;
    v->verified = false;
    return raise(a, found, RULE_NOT_CLEAN, severities[scan], c, arena_printf(a, "scanned as %s", scan_verdict_name(scan))) || err_nomem(e);
}

/* Somebody here trained it, signed it or took it in; or moat.yaml names its digest. */
static bool judge_history(Arena *a, const ModelCheck *c, Ledger *l, Findings *found, ModelVerdict *v, Err *e)
{
    static const RecordKind kinds[] = { RECORD_TRAINING, RECORD_MODEL_SIGN, RECORD_MODEL_ACCEPT };
    bool                    known = c->sha256.n > 0;
    Record                  r;
    for (size_t i = 0; l != NULL && !known && i < len_of(kinds); i++) {
        known = ledger_last(l, a, kinds[i], &v->digest, S(""), &r, e);
        if (!known && e->code != E_OK)
            return false;
    }
    if (known)
        return true;
    v->verified = false;
    return raise(a, found, RULE_UNKNOWN, model_rules[RULE_UNKNOWN].severity, c, NULL) || err_nomem(e);
}

bool model_trust(Arena *a, Pool *pool, const ModelCheck *c, Ledger *l, Findings *found, ModelVerdict *v, Err *e)
{
    if (!model_verify(a, pool, c, found, v, e))
        return false;
    bool judged = !v->has_digest || (judge_scan(a, c, l, found, v, e) && judge_history(a, c, l, found, v, e));
    v->verified = v->verified && judged;
    return judged;
}
