#!/bin/sh
# Makes a bare Debian able to `run`, `test` or `bench` us: installs what tool/packages-WHAT.txt lists and is missing.
# Services that a package would start are kept from starting.  For `run` it also writes what make needs to stdout.
set -eu
what=$1
here=$(dirname "$0")
missing=
for p in $(sed 's/#.*//' "$here/packages-$what.txt"); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
if [ -n "$missing" ]; then
    echo "moat: installing$missing" >&2
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { echo "moat: error: not root and no sudo; as root: apt-get install$missing" >&2; exit 1; }
        as_root=sudo
    fi
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
        $as_root chmod +x /usr/sbin/policy-rc.d
        trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT INT TERM
    fi
    $as_root apt-get update -qq >&2
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
fi
[ "$what" = run ] || exit 0
libs="openssl sqlite3 yaml-0.1 zlib libzstd liblzma libseccomp libcurl libpq libmicrohttpd"
printf 'LIBS := %s -lbz2\nLIB_CFLAGS := %s\n' "$(pkg-config --libs $libs)" "$(pkg-config --cflags $libs)"
