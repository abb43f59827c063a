#!/bin/sh
# A floor may include itself and lower floors only.  Floors, lowest first; parts joined by a comma share one.
set -u
root=${1:-src}
floors="base num,format,crypto finding,ledger,spool,pipeline,net model,data,privacy,gate,watch,posture check report api,cli,nginx"
bad=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"\.\.?/' "$root" |
      sed 's/$/   <- includes name the part: "part\/file.h"/'
grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[a-z]+/' "$root" | awk -F: -v floors="$floors" -v root="$root" '
    BEGIN { n = split(floors, row, " "); for (i = 1; i <= n; i++) { k = split(row[i], p, ","); for (j = 1; j <= k; j++) floor[p[j]] = i } }
    { from = substr($1, length(root) + 2); sub(/\/.*/, "", from)
      to = $3; sub(/^[^"]*"/, "", to); sub(/\/.*/, "", to)
      if (!(from in floor) || !(to in floor)) print $1 ":" $2 ": " from " or " to " is on no floor"
      else if (from != to && floor[to] >= floor[from]) print $1 ":" $2 ": " from " (floor " floor[from] ") may not include " to " (floor " floor[to] ")" }')
[ -z "$bad" ] || { printf '%s\n' "$bad"; exit 1; }
