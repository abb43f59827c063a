/* watch.c - `moat watch`: the verbs. */
#include "cli/watch_cmds.h"

static const Cmd cmds[] = {
    { "run", "", "judge what comes in, window by window, and raise alerts",
      "Reads the spool of the gateway; monitors, thresholds and windows come from moat.yaml. Runs until stopped; `moat up` starts it.\n"
      "A kill at any moment counts nothing twice and leaves nothing out.\n"
      "  moat watch run --listen 127.0.0.1:9465      and serve /metrics there\n"
      "  moat watch run --once --json                what there is now, every judged window",
      watch_run_opts, WATCH_RUN_OPTS, watch_run_cmd },
    { "drift", "REF CUR", "compare two files column by column: has the data changed?",
      "Reads CSV, npy or IDX. Numbers are compared by Kolmogorov-Smirnov, Wasserstein, PSI and others, texts by their counts. A column\n"
      "has drifted when the effect is large enough and chance does not explain it. Exit 1: drift; 3: something could not be judged.\n"
      "  moat watch drift train.csv today.csv\n"
      "  moat watch drift train.csv today.csv --columns age --columns city --categorical city",
      watch_drift_opts, WATCH_DRIFT_OPTS, watch_drift_cmd },
    { "label", "[FILE.csv]", "say what predictions should have been",
      "The file has the columns id (of the request) and y (class or value). Labels may come before or long after; the window they count\n"
      "in is the prediction's. The first label of an id stands.\n"
      "  moat watch label truth.csv\n"
      "  moat watch label --id 51c3a0f0d1f2e3b4a5968778695a4b3c --y cat",
      watch_label_opts, WATCH_LABEL_OPTS, watch_label_cmd },
    { "events", "", "show what lies in the spool, the newest last", NULL, watch_events_opts, WATCH_EVENTS_OPTS, watch_events_cmd },
    { "ship", "", "send events to the sinks that moat.yaml declares, each at least once",
      "Runs until stopped; `moat up` starts it. What a receiver acknowledged is not sent again, what it did not is, with the same id.\n"
      "  moat watch ship --explain            what each sink promises, and how far it is\n"
      "  moat watch ship --sink siem --once   what there is, then end; exit 3 when nothing is taken\n"
      "                                       for five times retry_max\n"
      "  moat watch ship --dead-letter        once more what no retry could deliver",
      watch_ship_opts, WATCH_SHIP_OPTS, watch_ship_cmd },
};

const Noun noun_watch = { "watch", "what the running system sees: drift, performance, alerts", cmds, len_of(cmds) };
