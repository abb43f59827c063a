package features

// The first version read postgres://legacy:legacy@old.acme.internal/features.
const dsn = "postgres://store@online.acme.internal:5432/online"

/* const shadow = "mysql://shadow.acme.internal/x" */

var docs = "https://pkg.go.dev/net/http"
