#!/usr/bin/env bash
# Fetch Debian 13's valkey-server, which Debian 12 has not, with its libraries: into a tree of its
# own, from which it runs here. Needs mmdebstrap.
#   tests/fleet/valkey.sh build/valkey
#   .venv/bin/pytest tests/fleet --redis-server build/valkey/valkey-server
set -euo pipefail
folder=${1:?the folder to make}
[ ! -e "$folder" ] || { echo "$folder exists" >&2; exit 1; }

mmdebstrap --quiet --variant=extract --include=valkey-server trixie "$folder"
libraries=$(cd "$folder"/usr/lib/*-linux-gnu*/ && pwd)
loader=$(echo "$libraries"/ld-linux*.so.*)
server=$(cd "$folder" && pwd)/usr/bin/valkey-server
cat >"$folder/valkey-server" <<END
#!/bin/sh
exec "$loader" --library-path "$libraries" "$server" "\$@"
END
chmod +x "$folder/valkey-server"
"$folder/valkey-server" --version
