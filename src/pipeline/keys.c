/* keys.c - every key of moat.yaml, once.  The loader, the JSON Schema, `moat help config` and doc/config.md read it. */
#include "pipeline/key.h"

#define SECTION(field, type, counter, named, help) \
    { #field, sizeof(type), offsetof(Pipeline, field), offsetof(Pipeline, counter), named, help }

const Section section_table[] = {
    SECTION(sources, Source, source_count, false, "Where data comes from: a file, a bucket, a database, a web address."),
    SECTION(datasets, Dataset, dataset_count, false, "Data as it is used: a file or folder whose versions moat keeps and proves."),
    SECTION(trainings, Training, training_count, false, "How a dataset becomes a model; `moat privacy train NAME` runs one."),
    SECTION(models, Model, model_count, false, "Model files and folders: scanned, signed, verified before they are served."),
    SECTION(endpoints, Endpoint, endpoint_count, false, "What the gateway lets in: one route of one model each; anything else is refused."),
    SECTION(identities, Named, identity_count, true, "People, services and roles that may touch a part."),
    SECTION(networks, Named, network_count, true, "Zones and address ranges, and which may reach which."),
    SECTION(infrastructure, Named, infrastructure_count, true, "Files that describe where the system runs: Terraform, Kubernetes, nginx ..."),
    SECTION(sinks, Named, sink_count, true, "Where events and alerts go."),
    SECTION(monitors, Named, monitor_count, true, "What is watched while the model serves."),
    SECTION(waivers, Named, waiver_count, true, "Findings that somebody accepts, until a date and for a reason."),
};
const size_t section_table_len = len_of(section_table);

#define IN(type, field) offsetof(type, field)
#define PARTS(name, help) { "", name, KEY_PARTS, NULL, NULL, NO_FIELD, help, "all" }

const KeyRow key_table[] = {
    /* section, key, type, default ("!" required), choices, field, help, trade */
    { "", "moat", KEY_UINT, "!", NULL, NO_FIELD, "version of this file's format: 1", "all" },
    { "", "name", KEY_TEXT, "pipeline", NULL, IN(Pipeline, name), "what this system is called in reports", "all" },
    { "", "gateway", KEY_GROUP, NULL, NULL, NO_FIELD, "the gateway in front of the endpoints", "gate" },
    { "", "watch", KEY_GROUP, NULL, NULL, NO_FIELD, "the daemon that watches while models serve", "watch" },
    PARTS("sources", "where data comes from"),
    PARTS("datasets", "data as it is used"),
    PARTS("trainings", "how a dataset becomes a model"),
    PARTS("models", "model files and folders"),
    PARTS("endpoints", "what the gateway lets in"),
    PARTS("identities", "people, services and roles"),
    PARTS("networks", "zones and address ranges"),
    PARTS("infrastructure", "files that describe where the system runs"),
    PARTS("sinks", "where events and alerts go"),
    PARTS("monitors", "what is watched while the model serves"),
    PARTS("waivers", "findings that somebody accepts"),

    { "gateway", "listen", KEY_ADDRESS, "127.0.0.1:8080", NULL, IN(Pipeline, listen), "address the gateway listens on", "gate" },
    { "gateway", "workers", KEY_UINT, "1", NULL, IN(Pipeline, workers), "nginx worker processes", "gate" },

    { "watch", "metrics", KEY_ADDRESS, NULL, NULL, IN(Pipeline, metrics), "address of /metrics for Prometheus; without it there is none", "watch" },
    { "watch", "keep", KEY_DURATION, "7d", NULL, IN(Pipeline, keep), "how long predictions wait for labels, and results are kept", "watch" },

    { "sources", "kind", KEY_CHOICE, NULL, "file|s3|sql|http", IN(Source, kind), "what answers at `uri`; default: read off the address", "data" },
    { "sources", "uri", KEY_TEXT, "!", NULL, IN(Source, uri), "s3://bucket/prefix, postgresql://host/db, https://host/file or a path; never with a password in it", "data" },
    { "sources", "trusted", KEY_BOOL, "false", NULL, IN(Source, trusted), "only people we trust can write there", "data" },

    { "datasets", "path", KEY_PATH, "!", NULL, IN(Dataset, path), "file or folder", "data" },
    { "datasets", "format", KEY_CHOICE, NULL, "csv|npy|idx|lines|files", IN(Dataset, format), "how its rows are read; default: by the ending of `path`", "data" },
    { "datasets", "labels", KEY_TEXT, NULL, NULL, IN(Dataset, labels), "csv: the label column; npy and idx: the file of the labels", "data" },
    { "datasets", "from", KEY_LIST, NULL, "sources|datasets", IN(Dataset, from), "what it was made of", "data" },
    { "datasets", "readers", KEY_LIST, NULL, ">identities", IN(Dataset, readers), "who may read it", "data" },
    { "datasets", "writers", KEY_LIST, NULL, "identities", IN(Dataset, writers), "who may change it", "data" },
    { "datasets", "golden", KEY_BOOL, "false", NULL, IN(Dataset, golden), "must have a committed version, and still be that version", "data" },

    { "trainings", "data", KEY_REF, "!", "datasets", IN(Training, data), "the dataset it learns from", "privacy" },
    { "trainings", "test", KEY_REF, NULL, "datasets", IN(Training, test), "the dataset that measures it", "privacy" },
    { "trainings", "model", KEY_REF, "!", ">models", IN(Training, model), "the model it writes", "privacy" },
    { "trainings", "kind", KEY_CHOICE, "softmax", "softmax|mlp", IN(Training, kind), "what is trained", "privacy" },
    { "trainings", "l2", KEY_REAL, "0.0001", NULL, IN(Training, l2), "weight of the squared-norm penalty", "privacy" },
    { "trainings", "rate", KEY_REAL, "0.1", NULL, IN(Training, rate), "learning rate", "privacy" },
    { "trainings", "epochs", KEY_UINT, "20", NULL, IN(Training, epochs), "passes over the data", "privacy" },
    { "trainings", "batch", KEY_UINT, "256", NULL, IN(Training, batch), "rows a step", "privacy" },
    { "trainings", "seed", KEY_UINT, "1", NULL, IN(Training, seed), "seed of order and start; same seed, same model", "privacy" },
    { "trainings", "hidden", KEY_TEXT, "256", NULL, IN(Training, hidden), "mlp: units of its hidden layers, e.g. 256 or 256,128", "privacy" },
    { "trainings", "dropout", KEY_REAL, "0", NULL, IN(Training, dropout), "mlp: share of hidden units left out in each step", "privacy" },
    { "trainings", "scale", KEY_TEXT, NULL, NULL, IN(Training, scale), "columns: standard, range or LOW:HIGH; default: standard, images range", "privacy" },
    { "trainings", "epsilon", KEY_REAL, "0", NULL, IN(Training, epsilon), "differential privacy: the most one row may cost; 0: none", "privacy" },
    { "trainings", "delta", KEY_REAL, "0.00001", NULL, IN(Training, delta), "... and the chance that it costs more", "privacy" },
    { "trainings", "clip", KEY_REAL, "1", NULL, IN(Training, clip), "... norm to which the gradient of a row is cut", "privacy" },

    { "models", "path", KEY_PATH, "!", NULL, IN(Model, path), "file or folder", "model" },
    { "models", "from", KEY_LIST, NULL, "datasets", IN(Model, from), "datasets it was trained on", "model" },
    { "models", "signature", KEY_PATH, NULL, NULL, IN(Model, signature), "its signature; default: PATH.sig", "model" },
    { "models", "signer", KEY_PATH, NULL, NULL, IN(Model, signer), "public key file that must have signed it", "model" },
    { "models", "sha256", KEY_DIGEST, NULL, NULL, IN(Model, sha256), "digest its publisher names", "model" },
    { "models", "scan", KEY_CHOICE, "required", "required|off", IN(Model, scan), "whether it must scan clean before it is used; off is for formats that cannot be scanned yet", "model" },
    { "models", "serve", KEY_ADDRESS, NULL, NULL, IN(Model, serve), "where `moat model serve` answers for it; without it somebody else serves it", "model" },
    { "models", "labels", KEY_LIST, NULL, NULL, IN(Model, labels), "names of its classes, in order", "model" },

    { "endpoints", "route", KEY_ROUTE, "!", NULL, IN(Endpoint, route), "exact path, or a prefix that ends in /", "gate" },
    { "endpoints", "methods", KEY_LIST, "POST", NULL, IN(Endpoint, methods), "HTTP methods let in", "gate" },
    { "endpoints", "format", KEY_CHOICE, "json", "tf-serving|kserve-v1|kserve-v2|json", IN(Endpoint, format), "protocol of the model server", "gate" },
    { "endpoints", "model", KEY_REF, NULL, "models", IN(Endpoint, model), "the model behind it", "gate" },
    { "endpoints", "upstream", KEY_URL, NULL, NULL, IN(Endpoint, upstream), "address of the model server; default: where its `model` serves", "gate" },
    { "endpoints", "content_types", KEY_LIST, "application/json", NULL, IN(Endpoint, content_types), "body types let in; others answer 415", "gate" },
    { "endpoints", "schema", KEY_PATH, NULL, NULL, IN(Endpoint, schema), "JSON Schema the body must satisfy; without it any JSON", "gate" },
    { "endpoints", "max_body", KEY_SIZE, "1MiB", NULL, IN(Endpoint, max_body), "longest body let in; longer answers 413", "gate" },
    { "endpoints", "keys", KEY_CHOICE, "required", "required|off", IN(Endpoint, keys), "whether a request needs an API key", "gate" },
    { "endpoints", "key_headers", KEY_LIST, "authorization", NULL, IN(Endpoint, key_headers), "headers a key may come in", "gate" },
    { "endpoints", "scope", KEY_TEXT, NULL, NULL, IN(Endpoint, scope), "scope a key must hold; default: the endpoint's name", "gate" },
    { "endpoints", "limits", KEY_LIMITS, NULL, NULL, IN(Endpoint, limits), "rate limits, all of which hold", "gate" },
    { "endpoints", "output", KEY_GROUP, NULL, NULL, NO_FIELD, "what of an answer gets out", "gate" },
    { "endpoints", "detect", KEY_GROUP, NULL, NULL, NO_FIELD, "the detector that watches its queries; see moat gate calibrate", "gate" },
    { "endpoints", "record", KEY_GROUP, NULL, NULL, NO_FIELD, "what of a request goes into its event, for monitors", "watch" },

    { "endpoints.detect", "action", KEY_CHOICE, "off", "off|record|degrade|block", IN(Endpoint, detect_action), "what an alarm does to the client: nothing but an event, answers without scores, or 403", "gate" },
    { "endpoints.detect", "image", KEY_TEXT, NULL, NULL, IN(Endpoint, detect_image), "inputs are pictures of this size: 28x28", "gate" },

    { "endpoints.record", "features", KEY_CHOICE, "none", "all|sampled|none", IN(Endpoint, record_features), "the first row of its input", "watch" },
    { "endpoints.record", "share", KEY_REAL, "0.1", NULL, IN(Endpoint, record_share), "sampled: of how many requests, 0 to 1", "watch" },
    { "endpoints.record", "prediction", KEY_CHOICE, "released", "released|computed|none", IN(Endpoint, record_prediction), "the answer as it left, or also as the model computed it", "watch" },

    { "endpoints.limits", "per", KEY_CHOICE, "!", "key|address", IN(Limit, per), "who has a limit of their own", "gate" },
    { "endpoints.limits", "rate", KEY_RATE, "!", NULL, IN(Limit, rate_num), "requests in a span of time: 1r/s, 30r/m", "gate" },
    { "endpoints.limits", "burst", KEY_UINT, "0", NULL, IN(Limit, burst), "requests that may come early", "gate" },
    { "endpoints.limits", "nodelay", KEY_BOOL, "false", NULL, IN(Limit, nodelay), "early ones are answered at once instead of spread out", "gate" },

    { "endpoints.output", "top_k", KEY_UINT, "0", NULL, IN(Endpoint, top_k), "classes shown, the most likely first; 0: all", "gate" },
    { "endpoints.output", "round", KEY_INT, "-1", NULL, IN(Endpoint, round), "decimals left of a score; -1: all", "gate" },
    { "endpoints.output", "label_only", KEY_BOOL, "false", NULL, IN(Endpoint, label_only), "no scores at all", "gate" },

    { "identities", "kind", KEY_CHOICE, "user", "user|group|service|role", IN(Named, kind), "what it is", "data" },
    { "identities", "path", KEY_PATH, NULL, NULL, IN(Named, path), "its policy document, or a dump of the account that holds it", "posture" },
    { "identities", "uri", KEY_TEXT, NULL, NULL, IN(Named, uri), "its name in a cloud: arn:aws:iam::...", "posture" },
    { "identities", "account", KEY_TEXT, NULL, NULL, NO_FIELD, "user or group on this machine; default: the identity's name", "data" },

    { "networks", "kind", KEY_CHOICE, "zone", "zone|namespace|internet", IN(Named, kind), "what it is", "posture" },
    { "networks", "ranges", KEY_LIST, NULL, NULL, NO_FIELD, "its address ranges: 10.0.0.0/8", "posture" },
    { "networks", "reaches", KEY_LIST, NULL, ">networks|endpoints", NO_FIELD, "what it is meant to reach", "posture" },

    { "infrastructure", "kind", KEY_CHOICE, NULL, "terraform|sagemaker|eks|kubernetes|compose|nginx|openapi|iam|cloudformation",
      IN(Named, kind), "what the file holds; default: by its content", "posture" },
    { "infrastructure", "path", KEY_PATH, "!", NULL, IN(Named, path), "file or folder", "posture" },
    { "infrastructure", "resource", KEY_TEXT, NULL, NULL, NO_FIELD, "the one thing in it that is meant: aws_eks_cluster.main, Deployment/scorer", "posture" },
    { "infrastructure", "hosts", KEY_LIST, NULL, ">models|endpoints|trainings|datasets|sources", NO_FIELD, "parts that run or lie there", "posture" },

    { "sinks", "kind", KEY_CHOICE, "!", "file|syslog|syslog-tls|relp|http|splunk|elasticsearch|otlp|alertmanager", IN(Named, kind), "who receives; http is a webhook; alertmanager gets alerts alone", "watch" },
    { "sinks", "path", KEY_PATH, NULL, NULL, IN(Named, path), "file: where lines are appended", "watch" },
    { "sinks", "uri", KEY_TEXT, NULL, NULL, IN(Named, uri), "the others: address of the receiver, https://host:port or, for syslog and relp, host:port", "watch" },
    { "sinks", "format", KEY_CHOICE, NULL, "json|ocsf|ecs|cef|leef", NO_FIELD, "how an event is written; default: ecs for elasticsearch, ocsf for splunk, else json", "watch" },
    { "sinks", "events", KEY_CHOICE, "all", "all|alerts|requests", NO_FIELD, "which events go there", "watch" },
    { "sinks", "token_file", KEY_PATH, NULL, NULL, NO_FIELD, "file (mode 0600) that holds the receiver's token; elasticsearch: an API key or user:password; http: the key of its signature", "watch" },
    { "sinks", "ca_file", KEY_PATH, NULL, NULL, NO_FIELD, "certificates that the receiver's is verified with; default: the system's", "watch" },
    { "sinks", "index", KEY_TEXT, NULL, NULL, NO_FIELD, "splunk: index; elasticsearch: data stream, by default logs-moat-default", "watch" },
    { "sinks", "ack", KEY_BOOL, "true", NULL, NO_FIELD, "splunk: an event is shipped when the indexer has acknowledged it; false: when it was accepted, and may still be lost", "watch" },
    { "sinks", "ack_timeout", KEY_DURATION, "10m", NULL, NO_FIELD, "splunk: sent again when not acknowledged in this time", "watch" },
    { "sinks", "channel", KEY_TEXT, NULL, NULL, NO_FIELD, "splunk: GUID of the request channel; default: a random one for each start", "watch" },
    { "sinks", "gzip", KEY_BOOL, "true", NULL, NO_FIELD, "splunk and elasticsearch: bodies are compressed", "watch" },
    { "sinks", "batch", KEY_UINT, "1000", NULL, NO_FIELD, "events sent at once at the most", "watch" },
    { "sinks", "batch_bytes", KEY_SIZE, "1MiB", NULL, NO_FIELD, "bytes sent at once at the most, before compression", "watch" },
    { "sinks", "batch_age", KEY_DURATION, "250ms", NULL, NO_FIELD, "how long an event waits for others", "watch" },
    { "sinks", "retry_min", KEY_DURATION, "500ms", NULL, NO_FIELD, "first longest wait after a failure; it doubles, and each wait is random below it", "watch" },
    { "sinks", "retry_max", KEY_DURATION, "60s", NULL, NO_FIELD, "where the doubling ends", "watch" },
    { "sinks", "timeout", KEY_DURATION, "30s", NULL, NO_FIELD, "how long one request may take", "watch" },
    { "sinks", "message_max", KEY_SIZE, "8KiB", NULL, NO_FIELD, "syslog and relp: longer messages leave the prediction out; what the receiver takes (rsyslog: maxMessageSize)", "watch" },
    { "sinks", "facility", KEY_UINT, "16", NULL, NO_FIELD, "syslog and relp: facility number, 0 to 23", "watch" },
    { "sinks", "enterprise", KEY_UINT, NULL, NULL, NO_FIELD, "syslog and relp: your private enterprise number, for structured data; default: none is sent", "watch" },

    { "monitors", "kind", KEY_CHOICE, "!", "drift|performance|fairness|clients", IN(Named, kind), "what is watched", "watch" },
    { "monitors", "endpoint", KEY_REF, "!", "endpoints", NO_FIELD, "whose requests", "watch" },
    { "monitors", "reference", KEY_REF, NULL, "datasets", NO_FIELD, "what they are compared with", "watch" },
    { "monitors", "features", KEY_LIST, NULL, NULL, NO_FIELD, "which columns; default: all", "watch" },
    { "monitors", "window", KEY_DURATION, "1h", NULL, NO_FIELD, "how much time is judged at once", "watch" },
    { "monitors", "threshold", KEY_REAL, NULL, NULL, NO_FIELD, "value from which it alerts; default: the statistic's own", "watch" },
    { "monitors", "sinks", KEY_LIST, NULL, ">sinks", NO_FIELD, "where its alerts go", "watch" },
    { "monitors", "metric", KEY_CHOICE, NULL,
      "psi|ks|js|class_mix|refusals|failures|latency_p50|latency_p99|accuracy|balanced_accuracy|f1|precision|recall|specificity|mcc|auc|ap|"
      "brier|log_loss|mae|rmse|demographic_parity|equal_opportunity|equalized_odds|predictive_parity",
      NO_FIELD, "what is measured; default: psi, accuracy or demographic_parity, by kind", "watch" },
    { "monitors", "group", KEY_TEXT, NULL, NULL, NO_FIELD, "fairness: the feature whose values are the groups", "watch" },
    { "monitors", "positive", KEY_UINT, "1", NULL, NO_FIELD, "class that counts as positive, from 0", "watch" },
    { "monitors", "min_rows", KEY_UINT, "200", NULL, NO_FIELD, "a window with fewer is not judged", "watch" },
    { "monitors", "lateness", KEY_DURATION, "1m", NULL, NO_FIELD, "how long a window waits for events that come late", "watch" },
    { "monitors", "pending", KEY_UINT, "2", NULL, NO_FIELD, "windows beyond the threshold until it alerts ...", "watch" },
    { "monitors", "of", KEY_UINT, "3", NULL, NO_FIELD, "... among so many; as many good ones in a row end the alert", "watch" },

    { "waivers", "rule", KEY_TEXT, "!", NULL, NO_FIELD, "the rule that is waived: MOAT-M001", "check" },
    { "waivers", "subject", KEY_TEXT, NULL, NULL, NO_FIELD, "part, file or finding it is waived for; default: all", "check" },
    { "waivers", "owner", KEY_TEXT, "!", NULL, NO_FIELD, "who answers for it", "check" },
    { "waivers", "expires", KEY_DATE, "!", NULL, NO_FIELD, "last day it holds: 2026-12-31", "check" },
    { "waivers", "reason", KEY_TEXT, "!", NULL, NO_FIELD, "why it is acceptable", "check" },
};
const size_t key_table_len = len_of(key_table);

const Section *section_find(Str name)
{
    for (size_t i = 0; i < section_table_len; i++)
        if (str_is(name, section_table[i].name))
            return &section_table[i];
    return NULL;
}

const KeyRow *row_find(const char *section, Str key)
{
    for (size_t i = 0; i < key_table_len; i++)
        if (strcmp(key_table[i].section, section) == 0 && str_is(key, key_table[i].key))
            return &key_table[i];
    return NULL;
}

void row_group(const KeyRow *row, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s%s", row->section, *row->section ? "." : "", row->key);
}
