/* rules.c - what can be wrong with a model that should be the one its signer released. */
#include "model/rules.h"

#define REFS "ML06 LLM03 AML.T0010 AML.T0018 CWE-345 CWE-347"

const Rule model_rules[] = {
    [RULE_UNSIGNED] = { "MOAT-M101", SEV_HIGH, "model has no signature",
        "Whoever can write the file can replace the model; nothing would show it.",
        "moat model sign PATH --key KEY", REFS },
    [RULE_BAD_SIGNATURE] = { "MOAT-M102", SEV_CRITICAL, "signature is not the signer's",
        "The signature does not belong to this statement and this key: one of them was changed or is somebody else's.",
        "restore model and signature from where they were released; if the release is yours, moat model sign PATH --key KEY", REFS },
    [RULE_WRONG_SIGNER] = { "MOAT-M103", SEV_CRITICAL, "signed by somebody else",
        "The signature names a key that is not the one declared for this model.",
        "find out whose key it is; declare it as the model's signer only if you trust it", REFS },
    [RULE_CHANGED] = { "MOAT-M104", SEV_CRITICAL, "file is not what was signed",
        "The content changed after it was signed.",
        "restore the file from where it was released, and find out who could write it", REFS },
    [RULE_MISSING] = { "MOAT-M105", SEV_HIGH, "signed file is missing",
        "A part of the signed model is gone or has become something else.",
        "restore the file from where the model was released", REFS },
    [RULE_UNLISTED] = { "MOAT-M106", SEV_HIGH, "file is not covered by the signature",
        "Code beside a model is loaded with it; a file that the signer never saw can be such code.",
        "remove the file, or sign the model again with it; --ignore-unsigned-files accepts it", REFS },
    [RULE_WRONG_DIGEST] = { "MOAT-M107", SEV_CRITICAL, "model is not the published one",
        "Its digest differs from the one declared for it.",
        "get the model again from its publisher, and compare the digest with a second source", REFS },
    [RULE_LEAVES_OUT] = { "MOAT-M108", SEV_MEDIUM, "signature leaves out code",
        "The signer excluded a path that holds code or pickles, so it can be changed without breaking the signature.",
        "sign the model again without ignoring that path", REFS },
    [RULE_NO_SIGNER] = { "MOAT-M109", SEV_MEDIUM, "nobody says who must have signed the model",
        "A signature proves something only against a key that is known beforehand.",
        "declare signer: or sha256: for the model, or give --key or --sha256", REFS },
    [RULE_BAD_STATEMENT] = { "MOAT-M110", SEV_CRITICAL, "signed statement contradicts itself",
        "The list of files is not well formed, or its root digest is not that of the files it lists.",
        "sign the model again", REFS },
};
const size_t model_rules_len = len_of(model_rules);
