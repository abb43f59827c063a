/* privacy.c - `moat privacy`: the verbs. */
#include "cli/privacy_cmds.h"

static const Cmd cmds[] = {
    { "train", "[TRAINING]", "a model from a dataset, privately if asked, with its record and privacy statement",
      "  moat privacy train softmax\n  moat privacy train --data train.csv --labels label --out model.safetensors\n"
      "  moat privacy train --data images.idx --labels labels.idx --model mlp:256 --epsilon 3 --delta 1e-5 --batch 4096 --out m.safetensors", privacy_train_opts,
      PRIVACY_TRAIN_OPTS, privacy_train_cmd },
    { "account", NULL, "what a run with noise costs in epsilon, certified from both sides; or the noise for an epsilon",
      "  moat privacy account --sigma 1.1 --rate 0.0042666 --steps 14063 --delta 1e-5\n"
      "  moat privacy account --epsilon 3 --rows 60000 --batch-size 256 --epochs 60 --delta 1e-5\n"
      "  moat privacy account --batch runs.csv\n  moat privacy account --verify statement.json", privacy_account_opts,
      PRIVACY_ACCOUNT_OPTS, privacy_account_cmd },
    { "audit", NULL, "attack a live endpoint as its clients could, or judge scores in files: AUC, TPR at low FPR, epsilon's lower bound",
      "Give the target twice, without and with output control, for the table of before and after.\n\n"
      "  moat privacy audit --attack extract --target http://127.0.0.1:8501/v1/models/m:predict --test test --queries 785,7850\n"
      "  moat privacy audit --attack membership --target predict --key key.txt --members train --others test\n"
      "  moat privacy audit --signals S.npy --members M.npy --population P.npy --attack rmia      loss, rmia, lira, lira-offline\n"
      "  moat privacy audit --canaries scores.json --claim 3", privacy_attack_opts,
      PRIVACY_ATTACK_OPTS, privacy_attack_cmd },
};

const Noun noun_privacy = { "privacy", "train models that say no more than they must", cmds, len_of(cmds) };
