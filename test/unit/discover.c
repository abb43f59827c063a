#include "../test.h"
#include "base/file.h"
#include "pipeline/discover.h"
#include <sys/stat.h>
#include <unistd.h>

/* Writes `text` as `name` into a fresh folder, discovers it, and gives "section what" of each part, one a line. */
static const char *found_in(Arena *a, const char *name, const char *text)
{
    Err           e = { 0 };
    Discovery     d;
    defer_buf Buf b = { 0 };
    const char   *dir = test_dir();
    char         *path = arena_printf(a, "%s/%s", dir, name);
    CHECK(dir_make(path_dir(a, path), 0755, &e) && file_replace(path, str(text), 0644, &e));
    CHECK_ROW(pipeline_discover(a, dir, &d, &e), e.message);
    for (size_t i = 0; i < d.n; i++) {
        const Found *f = &d.v[i];
        Str          what = f->uri.n ? f->uri : f->route.n ? f->route : f->resource.n ? f->resource : f->path;
        buf_printf(&b, "%s%s %.*s", i ? "\n" : "", f->section, STR(what));
    }
    return arena_str(a, buf_view(&b)).p;
}

typedef struct Row {
    const char *name, *text, *want;
} Row;

static void check_rows(const Row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        defer_arena Arena *a = arena_new(256 << 20);
        const char        *got = found_in(a, rows[i].name, rows[i].text);
        if (strcmp(got, rows[i].want) != 0)
            print_error("got:\n%s\nwant:\n%s\n", got, rows[i].want);
        CHECK_ROW(strcmp(got, rows[i].want) == 0, rows[i].text);
    }
}

TEST(discover, addresses_are_cut_and_cleaned)
{
    static const Row rows[] = {
        { "a.py", "x = 's3://lake/a/b.csv'\n", "sources s3://lake/a/b.csv" },
        { "a.py", "x = 's3a://lake/a/'\n", "sources s3://lake/a/" },
        { "a.py", "x = f's3://lake/{day}/b.csv'\n", "sources s3://lake" },
        { "a.py", "x = f's3://{bucket}/b.csv'\n", "" },
        { "a.py", "x = 'https://lake.s3.eu-west-1.amazonaws.com/a.csv?X-Amz-Signature=00ff'\n", "sources s3://lake/a.csv" },
        { "a.py", "x = 'https://s3.amazonaws.com/lake/a.csv'\n", "sources s3://lake/a.csv" },
        { "p.json", "{\"Resource\": \"arn:aws:s3:::lake/*\"}", "sources s3://lake" },
        { "a.env", "DB=postgres://u:p@h:5432/d?sslmode=require\n", "sources postgres://h:5432/d" },
        { "a.env", "DB=postgres://u:p%40/#?x@h/d\n", "sources postgres://h/d" },
        { "a.env", "DB=postgresql+asyncpg://u:p$w@h/d\n", "sources postgresql://h/d" },
        { "a.env", "DB=postgres://${USER}:${PASS}@db/app\n", "sources postgres://db/app" },
        { "a.env", "DB=postgres://$USER:secret$TAIL\n", "" },
        { "a.py", "x = f'mysql://{u}:{p}@{host}/d'\n", "" },
        { "A.java", "String u = \"jdbc:postgresql://h/d?user=x&password=y\";\n", "sources jdbc:postgresql://h/d" },
        { "A.java", "String u = \"jdbc:sqlserver://h:1433;databaseName=d;password=y\";\n", "sources jdbc:sqlserver://h:1433" },
        { "a.py", "x = 'sqlite:///:memory:'\n", "" },
        { "a.ini", "db = sqlite:///var/app.db\n", "sources sqlite:///var/app.db" },
        { "a.py", "x = 'https://host/docs/index.html'\n", "" },
        { "a.py", "x = 'https://host/train.csv#head'\n", "sources https://host/train.csv" },
        { "a.py", "df = pd.read_json('https://host/rows')\n", "sources https://host/rows" },
        { "a.sh", "curl -O https://host/tool.tar.gz\n", "" },
        { "a.sh", "curl -O https://host/train-images-idx3-ubyte.gz\n", "sources https://host/train-images-idx3-ubyte.gz" },
        { "a.js", "fetch('https://u:p@api.host.com/v1/predict')\n", "sources https://api.host.com/v1/predict" },
        { "a.js", "fetch('http://localhost:8501/v1/models/m:predict')\n", "endpoints /v1/models/m:predict" },
        { "a.yaml", "llm_base_url: http://llm.svc:8000/v1\n", "endpoints /v1/" },
    };
    check_rows(rows, len_of(rows));
}

TEST(discover, comments_documentation_and_prose_are_no_evidence)
{
    static const Row rows[] = {
        { "a.py", "# 's3://lake/x'\nx = 1  # s3://lake/y\n", "" },
        { "a.py", "\"\"\"see s3://lake/x\"\"\"\ndef f():\n    '''s3://lake/y'''\n", "" },
        { "a.py", "x = f(\n    \"\"\"s3://lake/x\"\"\"\n)\n", "sources s3://lake/x" },
        { "a.py", "print('s3://lake/x')\n", "" },
        { "a.py", "log.info(f'reading s3://lake/x')\n", "" },
        { "a.py", "p.add_argument('--x', default='s3://lake/x', help='s3://other/x')\n", "sources s3://lake/x" },
        { "a.py", "raise ValueError('use s3://lake/x')\n", "" },
        { "a.py", "run('aws s3 cp s3://lake/x .')\n", "sources s3://lake/x" },
        { "a.js", "// 's3://lake/x'\n/* `s3://lake/y` */ const a = /\"/;\nconst b = \"s3://lake/z\";\n", "sources s3://lake/z" },
        { "a.go", "// s3://lake/x\nvar a = `s3://lake/y`\n", "sources s3://lake/y" },
        { "a.sh", "# aws s3 ls s3://lake/x\naws s3 ls s3://lake/y # s3://lake/z\n", "sources s3://lake/y" },
        { "a.yaml", "a: s3://lake/x # s3://lake/y\n# s3://lake/z\ndescription: was s3://lake/w once\n", "sources s3://lake/x" },
        { "a.sql", "-- s3://lake/x\nCOPY t FROM 's3://lake/y';\n", "sources s3://lake/y" },
        { "README.md", "s3://lake/x and postgres://h/d\n", "" },
        { "tests/a.py", "x = 's3://lake/x'\n", "" },
        { "test_a.py", "x = 's3://lake/x'\n", "" },
        { "node_modules/a/a.js", "x = 's3://lake/x'\n", "" },
    };
    check_rows(rows, len_of(rows));
}

TEST(discover, buckets_are_found_apart_from_their_keys)
{
    static const Row rows[] = {
        { "a.py", "s3.get_object(Bucket='lake', Key='a/b.csv')\n", "sources s3://lake/a/b.csv" },
        { "a.py", "s3.get_object(\n    Bucket=\"lake\",\n    Key=name)\nx = 'y'\n", "sources s3://lake" },
        { "a.py", "s3.download_file('lake', 'a.csv', 'here.csv')\n", "sources s3://lake/a.csv" },
        { "a.py", "b = boto3.resource('s3').Bucket('lake')\n", "sources s3://lake" },
        { "a.py", "df.drop(columns='lake')\n", "" },
        { "a.yaml", "s3_bucket: lake\nlog_bucket: lake2\ngcs_bucket: lake3\n", "sources s3://lake" },
        { "a.yaml", "bucket: acme-access-logs\n", "" },
        { "a.tf", "resource \"aws_s3_bucket\" \"raw\" { bucket = \"lake\" }\n", "sources s3://lake" },
        { "a.tf", "resource \"aws_s3_bucket\" \"raw_data\" { bucket = random_id.x.hex }\n", "sources s3://raw-data" },
        { "a.tf", "resource \"aws_s3_bucket\" \"logs\" { bucket = \"lake\" }\n", "" },
        { "a.tf", "terraform {\n  backend \"s3\" { bucket = \"lake\" }\n}\n", "" },
    };
    check_rows(rows, len_of(rows));
}

TEST(discover, tables_are_datasets_only_for_a_reason)
{
    static const Row rows[] = {
        { "data/a.csv", "a,b\n1,2\n", "datasets data/a.csv" },
        { "a.csv", "a,b\n1,2\n", "" },
        { "tests/data/a.csv", "a,b\n1,2\n", "" },
        { "data/test/a.csv", "a,b\n1,2\n", "datasets data/test/a.csv" },
        { "docs/data/a.csv", "a,b\n1,2\n", "" },
        { "data/a.csv", "only a header", "" },
        { "data/a.jsonl", "{\"a\":1}\n", "datasets data/a.jsonl" },
        { "data/a.jsonl", "not json\n", "" },
        { "data/a.parquet", "PAR1....PAR1", "datasets data/a.parquet" },
        { "data/notes.txt", "one\ntwo\n", "" },
    };
    check_rows(rows, len_of(rows));
}

TEST(discover, models_are_known_by_their_bytes)
{
    static const Row rows[] = {
        { "m/x.gguf", "GGUF....", "models m/x.gguf" },
        { "m/blob-without-ending", "GGUF....", "models m/blob-without-ending" },
        { "m/x.gguf", "not one", "" },
        { "m/x.onnx", "not one", "" },
        { "m/x.onnx", "\x08\x08\x12\x04moat\x3a\x03\x12\x01g\x42\x02\x10\x11", "models m/x.onnx" },
        { "m/x.pkl", "\x80\x04\x8c\x07sklearn.", "models m/x.pkl" },
        { "m/x.pkl", "\x80\x04]\x94.", "" },
        { "m/model.txt", "tree\nversion=v4\n", "models m/model.txt" },
        { "m/x.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "models m/x.safetensors" },
        { "models/x.pt.dvc", "outs:\n- path: x.pt\n", "models models/x.pt" },
        { "export/1/saved_model.pb", "\x08\x01\x12\x01x", "models export/1" },
        { "tests/x.gguf", "GGUF....", "" },
    };
    check_rows(rows, len_of(rows));
}

TEST(discover, routes_come_from_openapi_nginx_and_kserve)
{
    static const Row rows[] = {
        { "o.yaml", "openapi: 3.0.0\nservers: [{ url: https://h/v2 }]\npaths:\n  /a: { post: {} }\n  /b: { get: {} }\n", "endpoints /v2/a" },
        { "o.json", "{\"swagger\":\"2.0\",\"basePath\":\"/api/\",\"paths\":{\"/m/{id}/run\":{\"post\":{}}}}", "endpoints /api/m/" },
        { "n.conf", "server { location /a { proxy_pass http://h:1; } location /b { root /x; } location /metrics { proxy_pass http://h:1; } }",
          "endpoints /a\ninfrastructure n.conf" },
        { "n.conf", "# location /a { proxy_pass http://h; }\nserver { location / { return 404; } }", "" },
        { "n.conf", "server { location ~ ^/v1/models/[a-z]+$ { proxy_pass http://h; } }", "endpoints /v1/models/\ninfrastructure n.conf" },
        { "k.yaml", "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: { name: m }\n",
          "endpoints /v1/models/m:predict\ninfrastructure InferenceService/m" },
        { "k.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: m }\n", "" },
        { "Chart.yaml", "apiVersion: v2\nname: x\n", "infrastructure ." },
        { "docker-compose.yml", "services: &a {}\ny: *a\n", "infrastructure docker-compose.yml" },
    };
    check_rows(rows, len_of(rows));
}

TEST(discover, addresses_lose_their_secrets)
{
    static const struct { const char *in, *want; } rows[] = {
        { "postgres://u:p@h/d", "postgres://h/d" },       { "https://u:p@h/x?k=1#f", "https://h/x" }, { "s3://b/k@1", "s3://b/k@1" },
        { "https://h:8000/@scope/p", "https://h:8000/@scope/p" }, { "postgres://u:p/a@h/d", "postgres://h/d" },
        { "data/a.csv", "data/a.csv" },                   { "postgres://u:p", "(not shown)" },        { "postgres://u:#p?@h", "postgres://h" },
    };
    for (size_t i = 0; i < len_of(rows); i++) {
        defer_arena Arena *a = arena_new(1 << 20);
        Str                got = uri_public(a, str(rows[i].in));
        CHECK_ROW(str_is(got, rows[i].want), got.p);
    }
}

TEST(discover, symbolic_links_and_devices_are_not_followed)
{
    defer_arena Arena *a = arena_new(256 << 20);
    Err                e = { 0 };
    Discovery          d;
    const char        *dir = test_dir(), *other = test_dir();
    CHECK(file_replace(arena_printf(a, "%s/m.gguf", other), S("GGUF...."), 0644, &e));
    CHECK(symlink(other, arena_printf(a, "%s/out", dir)) == 0);
    CHECK(symlink(arena_printf(a, "%s/m.gguf", other), arena_printf(a, "%s/m.gguf", dir)) == 0);
    CHECK(mkfifo(arena_printf(a, "%s/pipe.csv", dir), 0600) == 0);
    CHECK(pipeline_discover(a, dir, &d, &e));
    CHECK(d.n == 0 && d.files_skipped == 3);
    CHECK(!pipeline_discover(a, "/nonexistent", &d, &e) && e.code == E_IO);
}
