/* privacy.c - `moat privacy`: the verbs. */
#include "cli/privacy_cmds.h"

static const Cmd cmds[] = {
    { "train", "[TRAINING]", "a model from a dataset, privately if asked, with its record and privacy statement",
      "  moat privacy train softmax\n  moat privacy train --data train.csv --labels label --out model.safetensors\n"
      "  moat privacy train --data images.idx --labels labels.idx --model mlp:256 --epsilon 3 --delta 1e-5 --batch 4096 --out m.safetensors", privacy_train_opts,
      PRIVACY_TRAIN_OPTS, privacy_train_cmd },
};

const Noun noun_privacy = { "privacy", "train models that say no more than they must", cmds, len_of(cmds) };
