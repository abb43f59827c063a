#!/bin/sh
# The main job end to end: commit the data, train, sign, then the system behind its gateway.  `make run` calls this.
# What it makes lies in demo/state and demo/.moat; remove both to start anew.
set -eu
moat=$(readlink -f "${1:-build/release/moat}")
cd "$(dirname "$0")"
mkdir -p state
say() { printf '\n\033[1m$ moat %s\033[0m\n' "$*"; "$moat" "$@"; }

[ -e state/house ] || say key new --kind p256 --out state/house
say data commit train --key state/house
say data commit test --key state/house
if [ ! -e state/fashion.safetensors ] || [ ! -e state/fashion.safetensors.sig ]; then
    say privacy train softmax
    say model sign state/fashion.safetensors --key state/house
fi
say model verify state/fashion.safetensors --key state/house.pub

# One picture of the test set as a request body: a good one, and one with a pixel that is no grey value.
picture=$(zcat /usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz | tail -c +17 | head -c 784 | od -An -v -tu1 |
          tr -s ' \n' ',' | sed 's/^,//; s/,$//')
printf '{"instances": [[%s]]}\n' "$picture" >state/good.json
printf '{"instances": [[%s]]}\n' "$(echo "$picture" | sed 's/^[0-9]*/900/')" >state/malformed.json

key=$("$moat" gate key new --name "demo $(date +%H:%M:%S)" --expires 30d)
key=$(printf '%s\n' "$key" | grep -o 'moat_[a-z]*_[0-9A-Za-z_]*' | head -n 1)

printf '\n\033[1m$ moat up\033[0m\n'
trap : INT TERM
"$moat" up moat.yaml &
up=$!
for _ in $(seq 300); do
    [ -e .moat/run/up.json ] && break
    kill -0 $up 2>/dev/null || { wait $up; exit $?; }
    sleep 0.1
done
here=$(pwd)
url=http://$(sed -n 's/.*"gateway":"\([^"]*\)".*/\1/p' .moat/run/up.json)/v1/models/fashion:predict
call="curl -s -w ' %{http_code}\\n' -H 'Authorization: Bearer $key' -H 'Content-Type: application/json'"
cat <<TXT

API key (shown once): $key

Try, in another terminal:
  good       $call --data @$here/state/good.json $url
  malformed  $call --data @$here/state/malformed.json $url
  flood      for i in \$(seq 20); do $call -o /dev/null --data @$here/state/good.json $url; done

Ctrl-C stops it.
TXT
wait $up || code=$?
# The first wait ends when the signal arrives; the second when moat has stopped what it started.
if kill -0 $up 2>/dev/null; then kill -TERM $up; wait $up || code=$?; fi
exit "${code:-0}"
