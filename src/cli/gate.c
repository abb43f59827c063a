/* gate.c - `moat gate`: the inference gateway.  The verbs are in gate_*.c. */
#include "cli/gate_cmds.h"

static const Cmd cmds[] = {
    { "run", "", "run the gateway: nginx with the policy of moat.yaml, in the foreground",
      "Writes nginx.conf and the policy into .moat/run/gate/, has nginx test them, and runs it until TERM or Ctrl-C.\n"
      "HUP takes over a changed moat.yaml; one that does not hold up changes nothing.\n\n"
      "  moat gate run --listen 127.0.0.1:8443\n"
      "  moat gate run --check                         test only, as for a CI job",
      gate_run_opts, GATE_RUN_OPTS, gate_run },
    { "key", "new | list | rotate ID | revoke ID", "API keys: make, show, replace, end",
      "A key is shown once, when it is made; moat keeps only a keyed hash of it.  Gateways see every change within a second.\n\n"
      "  moat gate key new --name mobile --scope score --expires 90d\n"
      "  moat gate key rotate 4fXa01Zk --grace 2d      a second secret; the first works for two more days\n"
      "  moat gate key revoke 4fXa01Zk",
      gate_key_opts, GATE_KEY_OPTS, gate_key },
    { "schema", "check FILE... | test SCHEMA BODY...", "compile JSON Schemas as the gateway does; try bodies against one",
      "The gateway checks the core of JSON Schema 2020-12 while a body streams in.  A schema with any other keyword does not\n"
      "compile: what is not checked must not look checked.\n\n"
      "  moat gate schema check schema.json\n"
      "  moat gate schema test schema.json good.json bad.json",
      NULL, 0, gate_schema },
    { "calibrate", "ENDPOINT", "learn what honest queries look like, so that probing, stealing and fooling the model shows",
      "Three scores a query, added up by client, by chain of like queries and together: near an earlier query, far from the benign\n"
      "ones, odd to an isolation forest. What an alarm does is `detect: { action: record | degrade | block }` of the endpoint.\n\n"
      "  moat gate calibrate predict --benign inputs.npy --image 28x28",
      gate_calibrate_opts, GATE_CALIBRATE_OPTS, gate_calibrate },
    { "replay", "FILE --detector FILE", "try recorded queries on a detector; one verdict a line",
      "  moat gate replay queries.npy --detector .moat/detect/predict.detector --clients each",
      gate_replay_opts, GATE_REPLAY_OPTS, gate_replay },
};

const Noun noun_gate = { "gate", "put models behind a gateway that only lets through what they expect", cmds, len_of(cmds) };
