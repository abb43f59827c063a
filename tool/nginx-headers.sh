#!/bin/bash
# Makes the headers that a module for the installed nginx needs, in the folder given; installs nothing.
# Debian's nginx-dev has sources of headers and the configure arguments of its own build.  nginx refuses a module
# built for another version or another signature, so the folder is named after the package version: see the Makefile.
set -euo pipefail
out=$1
fail() { echo "moat: error: $1" >&2; echo "moat: hint: $2" >&2; exit 1; }

version=$(dpkg-query -W -f '${Version}' nginx 2>/dev/null) || fail "nginx is not installed" "apt-get install nginx"
work=$out.tmp
rm -rf "$work" && mkdir -p "$work"
work=$(cd "$work" && pwd)

unpack() { (cd "$work" && apt-get download -qq "nginx-dev=$version" 2>"$work/why" >&2 && dpkg -x nginx-dev_*.deb .); }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
if [ "$(dpkg-query -W -f '${Version}' nginx-dev 2>/dev/null || true)" = "$version" ]; then
    mkdir -p "$work/usr/share/nginx" && cp -r /usr/share/nginx/src "$work/usr/share/nginx/"
elif ! unpack && ! { as_root apt-get update -qq >&2 && unpack; }; then
    cat "$work/why" >&2
    fail "nginx $version is installed, but its headers (package nginx-dev $version) cannot be downloaded" \
         "apt-get update && apt-get install nginx, then make again; or install nginx-dev by hand"
fi

# configure wants to find no surprises: its folder as cwd, a writable builddir, the C locale.
echo "moat: configuring the headers of nginx $version (once)" >&2
cd "$work/usr/share/nginx/src"
. ./conf_flags
LC_ALL=C ./configure "${NGX_CONF_FLAGS[@]}" --builddir="$work/conf" >"$work/configure.log" 2>&1 ||
    { tail -5 "$work/configure.log" >&2
      fail "configure of the nginx headers failed" "apt-get install gcc libpcre2-dev libssl-dev zlib1g-dev"; }
mv src "$work/src"
mv "$work/conf/ngx_auto_config.h" "$work/conf/ngx_auto_headers.h" "$work/src/"
rm -rf "$work/usr" "$work/conf" "$work"/nginx-dev_*.deb "$work/why"
cd "$work/.." && rm -rf "$(basename "$out")" && mv "$work" "$(basename "$out")"
