/* watch.c - `moat watch`: the verbs. */
#include "cli/watch_cmds.h"

static const Cmd cmds[] = {
    { "drift", "REF CUR", "compare two files column by column: has the data changed?",
      "Reads CSV, npy or IDX. Numbers are compared by Kolmogorov-Smirnov, Wasserstein, PSI and others, texts by their counts. A column\n"
      "has drifted when the effect is large enough and chance does not explain it. Exit 1: drift; 3: something could not be judged.\n"
      "  moat watch drift train.csv today.csv\n"
      "  moat watch drift train.csv today.csv --columns age --columns city --categorical city",
      watch_drift_opts, WATCH_DRIFT_OPTS, watch_drift_cmd },
    { "ship", "", "send events to the sinks that moat.yaml declares, each at least once",
      "Runs until stopped; `moat up` starts it. What a receiver acknowledged is not sent again, what it did not is, with the same id.\n"
      "  moat watch ship --explain            what each sink promises, and how far it is\n"
      "  moat watch ship --sink siem --once   what there is, then end; exit 3 when nothing is taken\n"
      "                                       for five times retry_max\n"
      "  moat watch ship --dead-letter        once more what no retry could deliver",
      watch_ship_opts, WATCH_SHIP_OPTS, watch_ship_cmd },
};

const Noun noun_watch = { "watch", "what the running system sees: drift, performance, alerts", cmds, len_of(cmds) };
