/* data.c - `moat data`: the verbs, and how a version is shown. */
#include "cli/data_cmds.h"

static void put_digest(JsonOut *w, const char *key, const Digest *d, bool there)
{
    char hex[DIGEST_HEX];
    digest_hex(d, hex);
    json_key(w, key), json_put_z(w, there ? hex : NULL);
}

static void put_text(JsonOut *w, const char *key, Str v)
{
    json_key(w, key);
    if (v.n)
        json_put_str(w, v);
    else
        json_put_null(w);
}

void data_version_json(const DataVersion *v, Str dataset, JsonOut *w)
{
    char expires[TIME_TEXT] = "";
    if (v->expires_ns != 0)
        time_text(v->expires_ns, expires);
    put_text(w, "dataset", dataset);
    json_key(w, "version"), json_put_u64(w, v->version);
    put_digest(w, "root", &v->root, v->version > 0);
    json_key(w, "rows"), json_put_u64(w, v->rows);
    json_key(w, "bytes"), json_put_u64(w, v->bytes);
    json_key(w, "files"), json_put_u64(w, v->files);
    put_text(w, "format", v->format);
    put_digest(w, "labels_root", &v->labels_root, v->has_labels);
    put_digest(w, "tree", &v->tree, v->version > 0);
    put_digest(w, "statement", &v->statement, v->version > 0);
    put_digest(w, "parent", &v->parent, v->version > 1);
    json_key(w, "reverts"), json_put_u64(w, v->reverts);
    put_text(w, "time", v->time);
    put_text(w, "reason", v->reason);
    put_text(w, "expires", str(expires));
    put_text(w, "signer", v->keyid);
}

void size_text(uint64_t bytes, char out[static SIZE_TEXT])
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    double                   v = (double)bytes;
    size_t                   u = 0;
    for (; v >= 999.95 && u + 1 < len_of(units); u++)
        v /= 1000;
    snprintf(out, SIZE_TEXT, "%.*f %s", u ? 1 : 0, v, units[u]);
}

static const Cmd cmds[] = {
    { "commit", "DATASET", "make what lies there now the newest golden version",
      "Files are cut where their content says, each piece is stored once, rows get a Merkle root, and all of it is signed.\n"
      "  moat key new\n"
      "  moat data commit train --reason 'labels of March corrected'",
      data_commit_opts, DATA_COMMIT_OPTS, data_commit_cmd },
    { "verify", "DATASET[@VERSION]", "prove that a version stands, and that the files still are it",
      "Every stored piece is hashed again, the signature and the place in the ledger are checked, and files that differ are told\n"
      "with the rows that changed. An older version is checked in the store only. Exit 0: proven; 1: not; 3: not judged.\n"
      "  moat data verify train --signer release.pub",
      data_verify_opts, DATA_VERIFY_OPTS, data_verify_cmd },
    { "log", "DATASET", "list the versions", NULL, data_log_opts, DATA_LOG_OPTS, data_log_cmd },
    { "restore", "DATASET@VERSION", "bring a version back",
      "The files are written beside their place, checked, and swapped in at once.\n"
      "  moat data restore train@3\n"
      "  moat data restore train@3 --as-head --reason 'version 4 was poisoned'\n"
      "  moat data restore train@3 --to /tmp/look",
      data_restore_opts, DATA_RESTORE_OPTS, data_restore_cmd },
    { "scan", "FILE|DATASET", "find rows that are unlike the others, or wrongly labelled",
      "An isolation forest (scikit-learn's semantics) scores each row from 0 to 1; high is odd. Rows are counted from 0, without the\n"
      "header; the place of a finding from 1. Findings are low, so they fail a build only with --fail-on low.\n"
      "  moat data scan train.csv --labels class --contamination 0.01\n"
      "  moat data scan train.csv --ignore id --missing impute --scores scores.csv\n"
      "  moat data scan train.csv --labels class --detector labels\n"
      "  moat data scan train --save normal.forest && moat data scan new.csv --load normal.forest --kept clean.csv",
      data_scan_opts, DATA_SCAN_OPTS, data_scan_cmd },
    { "access", "audit|plan|apply [DATASET...]", "who may read and write the files of a dataset, against its readers and writers",
      "audit says what differs, plan prints the setfacl commands that would mend it, apply does the same and can be taken back.\n"
      "  moat data access audit\n"
      "  moat data access plan train\n"
      "  moat data access apply train\n"
      "  moat data access apply train --undo",
      data_access_opts, DATA_ACCESS_OPTS, data_access_cmd },
};

const Noun noun_data = { "data", "datasets: golden versions, odd rows, and who may touch the files", cmds, len_of(cmds) };
