#!/usr/bin/env bash
# Puts the official Socket.IO browser client, not minified, where the pages load it from: as a
# script, and as an ES module (npm has that minified only).
set -euo pipefail

usage="usage: fetch-browser-client.sh [--from DIR] [--output DIR]
  --from DIR    take the tarball of browser.lock from DIR instead of npm, if it is in DIR
  --output DIR  write socket.io.js and socket.io.esm.js to DIR (default: signaling_server/web/static/vendor)"
fail() { echo "fetch-browser-client.sh: $1" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
from='' output=$here/../signaling_server/web/static/vendor
while [ $# -gt 0 ]; do
    case $1 in
        --from) from=$(cd "${2:?}" && pwd); shift 2 ;;
        --output) output=${2:?}; shift 2 ;;
        -h | --help) echo "$usage"; exit ;;
        *) echo "$usage" >&2; exit 2 ;;
    esac
done

read -r name version integrity < <(grep -v '^#' "$here/browser.lock")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tarball=$from/$name-$version.tgz
if [ ! -e "$tarball" ]; then
    tarball=$work/$name-$version.tgz
    command -v npm >/dev/null || fail "needs npm, or --from DIR with $name-$version.tgz"
    npm pack --silent --pack-destination "$work" "$name@$version" >/dev/null
fi
found=sha512-$(openssl dgst -sha512 -binary "$tarball" | openssl base64 -A)
[ "$found" = "$integrity" ] || fail "$tarball is $found, and not the $integrity of browser.lock"

tar -xzf "$tarball" -C "$work" package/dist/socket.io.js
mkdir -p "$output"
# Without its last line, which names a source map that is not shipped.
sed '/^\/\/# sourceMappingURL=/d' "$work/package/dist/socket.io.js" >"$work/socket.io.js"
printf '%s\n' 'import "./socket.io.js";' 'export const { io } = globalThis;' >"$work/socket.io.esm.js"
install -m 644 "$work/socket.io.js" "$work/socket.io.esm.js" "$output/"
