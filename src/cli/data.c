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
    { "import", "SOURCE DATASET", "take rows from a source and keep where each came from",
      "SOURCE is one of moat.yaml or an address: a file, s3://, https://, postgresql:// or sqlite: with a query. Credentials come from the\n"
      "environment and the usual files (AWS_*, ~/.aws/credentials, PGPASSWORD, ~/.pgpass), never from an argument.\n"
      "  moat data import s3://lake/march.csv raw\n"
      "  moat data import lake raw --query 'SELECT id, price, label FROM orders'",
      data_import_opts, DATA_IMPORT_OPTS, data_import_cmd },
    { "run", "-- PROGRAM [ARGS]", "run any program and find out where each of its rows came from",
      "Rows are matched by content, by key, by the values both sides share, and by place; what is left is said to be opaque.\n"
      "The program is not run by a shell. {in} and {out} in its arguments are the files' names; {in2} is the second input.\n"
      "  moat data run --in raw --out clean --key id -- python3 clean.py {in} {out}\n"
      "  moat data run --in raw --out clean --stdout -- awk -F, '$3 > 0' {in}",
      data_run_opts, DATA_RUN_OPTS, data_run_cmd },
    { "filter", "DATASET|FILE", "keep the rows for which a condition holds",
      "  moat data filter raw --out clean --where \"price >= 10 and country in ('DE', 'AT') and not name is empty\"",
      data_filter_opts, DATA_FILTER_OPTS, data_filter_cmd },
    { "sample", "DATASET|FILE", "keep some rows by chance", "  moat data sample raw --out small --rows 1000 --seed 7", data_sample_opts,
      DATA_SAMPLE_OPTS, data_sample_cmd },
    { "split", "DATASET|FILE", "part the rows by chance",
      "  moat data split clean --into train=0.8 --into test=0.2 --by customer", data_split_opts, DATA_SPLIT_OPTS, data_split_cmd },
    { "trace", "DATASET[@VERSION]:ROW", "a row's way back to its sources",
      "Each step's map, signed statement and record are held against each other. An edge that was inferred is said to be.\n"
      "  moat data trace train:17",
      NULL, 0, data_trace_cmd },
    { "lineage", "[DATASET|FILE]", "the steps that made rows, oldest first",
      "  moat data lineage\n  moat data lineage train --openlineage", data_lineage_opts, DATA_LINEAGE_OPTS, data_lineage_cmd },
    { "who-uses", "SOURCE", "datasets and models that hold rows of a source, a file or a dataset",
      "Rows of unknown origin count as possible.\n  moat data who-uses lake\n  moat data who-uses s3://lake/march.csv --rows 10-20",
      data_who_uses_opts, DATA_WHO_USES_OPTS, data_who_uses_cmd },
    { "revoke", "SOURCE --plan", "what to rebuild, retrain and sign again when a source must go", NULL, data_revoke_opts, DATA_REVOKE_OPTS,
      data_revoke_cmd },
    { "prove", "DATASET[@VERSION]:ROW", "show a row in a signed version to anybody (RFC 6962)",
      "The proof holds the row, its audit path and the signed statement; it is checked without moat and without the dataset.\n"
      "  moat data prove train:17 --out row-17.json",
      data_prove_opts, DATA_PROVE_OPTS, data_prove_cmd },
};

const Noun noun_data = { "data", "datasets: golden versions, where rows come from, odd rows, and who may touch the files", cmds, len_of(cmds) };
