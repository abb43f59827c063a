/* privacy.c - `moat privacy`: the verbs. */
#include "cli/privacy_cmds.h"

static const Cmd cmds[] = {
    { "train", "[TRAINING]", "softmax regression with L2: dataset to safetensors, with its record",
      "  moat privacy train softmax\n  moat privacy train --data train.csv --labels label --out model.safetensors", privacy_train_opts,
      PRIVACY_TRAIN_OPTS, privacy_train_cmd },
};

const Noun noun_privacy = { "privacy", "train models that say no more than they must", cmds, len_of(cmds) };
