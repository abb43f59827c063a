/* rules.c - see rules.h. */
#include "data/rules.h"

const Rule data_rules[] = {
    [D_ROLLBACK] = { "MOAT-D001", SEV_CRITICAL, "the dataset was rolled back",
        "The ledger knows a newer version than the one that is presented as the head, or another one of that number. Old data that is "
        "validly signed still trains an old flaw into the model.",
        "moat data restore NAME@VERSION with the version the finding names; the ref is mended by it", "AML.T0020 ML02 CWE-294" },
    [D_UNSIGNED] = { "MOAT-D002", SEV_CRITICAL, "the version is not signed by the trusted key",
        "Whoever wrote this version does not hold the key that is pinned for the dataset.",
        "compare the signer with the person who should have committed; --signer PUB if the key was changed on purpose",
        "AML.T0020 ML02 CWE-347" },
    [D_CHANGED] = { "MOAT-D003", SEV_HIGH, "a file differs from the golden version",
        "Training on it gives another model than the one that was reviewed; changed rows are how poison gets in.",
        "moat data restore NAME@VERSION, or moat data commit NAME if the change was meant", "AML.T0020 ML02 CWE-345" },
    [D_MISSING] = { "MOAT-D004", SEV_HIGH, "a file of the golden version is missing",
        "Rows that are taken away bias a model as rows that are added do.", "moat data restore NAME@VERSION", "AML.T0020 ML02" },
    [D_EXTRA] = { "MOAT-D005", SEV_HIGH, "a file is not in the golden version",
        "A loader that reads the whole folder trains on it, and nobody signed for it.",
        "remove it, or moat data commit NAME if it belongs there", "AML.T0020 ML02" },
    [D_STORE] = { "MOAT-D006", SEV_HIGH, "the golden store is damaged",
        "Bytes of the store do not have the digest they are filed under, so a version cannot be brought back whole.",
        "copy the pack back from a backup; or, if the working files still verify, moat data commit NAME --rewrite", "CWE-354" },
    [D_OBJECT] = { "MOAT-D007", SEV_HIGH, "a tree or statement is damaged or missing",
        "Without it nothing says what the version held.", "copy the object back from a backup of .moat/objects", "CWE-354" },
    [D_REF] = { "MOAT-D008", SEV_HIGH, "the ref is damaged or missing",
        "The ref names the newest version; without it only the ledger does.",
        "moat data commit NAME, or restore: both mend it from the ledger", "CWE-354" },
    [D_EXPIRED] = { "MOAT-D009", SEV_HIGH, "the version has expired",
        "Its signer vouched for it until a day that has passed; nothing newer came.", "review the data and moat data commit NAME", "CWE-613" },
    [D_KIND] = { "MOAT-D010", SEV_MEDIUM, "a file's mode differs from the golden version",
        "A data file that became executable is not what was signed.", "moat data restore NAME@VERSION", "CWE-732" },
    [D_LABELS] = { "MOAT-D011", SEV_MEDIUM, "labels and rows do not match in number",
        "From the first missing label on, every row is trained with its neighbour's.", "add the missing labels or rows", "ML02" },
    [D_LINK] = { "MOAT-D012", SEV_MEDIUM, "a link leads out of the dataset",
        "What it points to is not part of the version and can change unseen.", "replace the link by the file", "CWE-59" },
    [D_PINNED] = { "MOAT-D013", SEV_INFO, "the signer was trusted on first use",
        "No key was pinned, so the first one seen is. If that was not the right one, everything it signs will verify.",
        "compare the key id with its owner over another channel", "CWE-322" },
    [D_UNREADABLE] = { "MOAT-D014", SEV_HIGH, "a file could not be read", "What cannot be read cannot be compared.",
        "let the verifier read it", "" },
    [D_LEDGER] = { "MOAT-D015", SEV_CRITICAL, "the ledger does not know the version",
        "Every commit is recorded before its ref moves. A version the ledger has never heard of was not made by moat data commit, or "
        "the ledger was cut short.",
        "moat ledger verify with a checkpoint that was kept elsewhere", "AML.T0020 CWE-778" },
    [D_OUTLIER] = { "MOAT-D101", SEV_LOW, "a row is unlike the others",
        "Few random cuts set it apart. It may be a slip, a sensor's fault, a rare case or a planted row; only somebody who knows the data "
        "can say. With --contamination some row always is the oddest, so this does not fail a build unless --fail-on low asks for it.",
        "look at the row; moat data scan --kept FILE writes the others", "AML.T0020 ML02" },
    [D_MISLABELED] = { "MOAT-D102", SEV_MEDIUM, "a row's label is probably wrong",
        "A model that never saw the row is surer of another label than it is of that label's own rows, and there are about as many such "
        "rows as the noise between the two labels accounts for. Flipped labels are the simplest poison.",
        "look at the row; moat data scan --detector labels --kept FILE writes the others", "AML.T0020 ML02" },
    [D_OPAQUE] = { "MOAT-D201", SEV_HIGH, "the origin of too many rows is unknown",
        "A row whose origin nobody can name cannot be taken back when its source is: everything the step read must be counted as its source.",
        "name the columns that identify a row (--key), or let the program keep one", "AML.T0020 ML02" },
    [D_STEP] = { "MOAT-D202", SEV_HIGH, "a step of the lineage cannot be believed",
        "The record, the signed statement and the row map of a step must say the same, or the origin of every row behind it is hearsay.",
        "copy the object back from a backup of .moat/objects, or run the step again", "AML.T0020 CWE-345" },
};
const size_t data_rules_len = len_of(data_rules);

/* The rule's advice with the dataset's own name and version in it. */
static Str advice(const Rule *r, const History *h, Buf *b)
{
    for (const char *at = r->fix; *at != '\0';) {
        if (strncmp(at, "NAME", 4) == 0)
            buf_str(b, h->name), at += 4;
        else if (strncmp(at, "VERSION", 7) == 0 && h->version > 0)
            buf_printf(b, "%" PRIu64, h->version), at += 7;
        else
            buf_byte(b, (uint8_t)*at++);
    }
    return b->bad ? str(r->fix) : buf_view(b);
}

static bool add(Findings *l, const History *h, DataRule rule, FindingState state, Str subject, Place at, Str evidence, const char *message)
{
    defer_buf Buf fix = { 0 };
    Finding       f = finding_of(&data_rules[rule], h->dataset->part.id, subject);
    f.fix = advice(f.rule, h, &fix);
    f.state = state, f.at = at, f.evidence = evidence, f.message = str(message);
    return finding_add(l, f);
}

bool found_at(Findings *l, const History *h, DataRule rule, Str subject, Place at, Str evidence, const char *fmt, ...)
{
    char    text[480];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return add(l, h, rule, STATE_FAIL, subject, at, evidence, text);
}

bool found(Findings *l, const History *h, DataRule rule, Str subject, const char *fmt, ...)
{
    char    text[480];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return add(l, h, rule, STATE_FAIL, subject, (Place){ 0 }, (Str){ 0 }, text);
}

bool found_unknown(Findings *l, const History *h, DataRule rule, Str subject, const Err *why)
{
    return add(l, h, rule, STATE_UNKNOWN, subject, (Place){ .byte = why->at, .line = why->line }, (Str){ 0 }, why->message);
}
