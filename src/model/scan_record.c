/* scan_record.c - scans in the ledger. */
#include "model/scan.h"

bool model_scan_record(Ledger *l, Clock clock, Str actor, Str name, const char *path, const ScanSummary *s, Err *e)
{
    defer_buf Buf body = { 0 };
    JsonOut       w = json_out(&body);
    json_open(&w, '{');
    json_member(&w, "name", name);
    json_member(&w, "path", str(path));
    json_member(&w, "verdict", str(scan_verdict_name(s->verdict)));
    json_member(&w, "scanner", str(scanner_version()));
    json_member(&w, "rules", S(SCAN_RULES_VERSION));
    json_key(&w, "files"), json_put_u64(&w, s->files);
    json_close(&w, '}');
    return body.bad ? err_nomem(e) : ledger_append(l, clock, RECORD_MODEL_SCAN, actor, s->has_digest ? &s->digest : NULL, buf_view(&body), NULL, e);
}

bool model_scan_known(Ledger *l, Arena *a, const Digest *model, ScanVerdict *v, Err *e)
{
    Record r;
    if (!ledger_last(l, a, RECORD_MODEL_SCAN, model, (Str){ "", 0 }, &r, e))
        return false;
    Str verdict = json_text(json_get(r.body, "verdict"), S(""));
    if (!str_is(json_text(json_get(r.body, "scanner"), S("")), scanner_version()) ||
        !str_is(json_text(json_get(r.body, "rules"), S("")), SCAN_RULES_VERSION))
        return false;
    for (ScanVerdict i = SCAN_CLEAN; i <= SCAN_MALICIOUS; i++)
        if (str_is(verdict, scan_verdict_name(i))) {
            *v = i;
            return true;
        }
    return false;
}
