#!/bin/bash
# Builds hawkeye-signaling_VERSION_all.deb; the same commit gives the same file, byte for byte.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 # Debian's python3, not a pyenv one
umask 022

usage="usage: build-deb.sh [--wheels DIR] [--output DIR] [--source DIR]
  --wheels DIR       take the wheels of wheels.lock from DIR instead of the package index, and
                     the tarball of browser.lock too, if it is in DIR
  --output DIR       write the .deb to DIR (default: dist)
  --source DIR       leave the source tree of the package in DIR, for autopkgtest

The package has the date of the last commit, or \$SOURCE_DATE_EPOCH."
fail() { echo "build-deb.sh: $1" >&2; exit "${2:-1}"; }

root=$(cd "$(dirname "$0")/.." && pwd)
wheels='' output=$root/dist source=''
while [ $# -gt 0 ]; do
  case $1 in
    --wheels) wheels=$(cd "${2:?}" && pwd); shift 2 ;;
    --output) mkdir -p "${2:?}"; output=$(cd "$2" && pwd); shift 2 ;;
    --source) source=$(realpath -m "${2:?}"); shift 2 ;;
    -h | --help) echo "$usage"; exit ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
done

missing=$(dpkg-checkbuilddeps "$root/packaging/debian/control" 2>&1 | sed 's/.*: //') || true
python3 -m pip --version >/dev/null 2>&1 || missing="$missing python3-pip"
[ -z "$missing" ] || fail "install first: $missing"

version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$root/signaling_server/version.py")
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(
  git -c safe.directory="$root" -C "$root" log -1 --format=%ct 2>/dev/null
)} || fail "no commit gives the date: set SOURCE_DATE_EPOCH"
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/hawkeye-signaling
mkdir -p "$tree/vendor" "$output"
(cd "$root" && tar -c --exclude=__pycache__ signaling_server systemd packaging etc) | tar -xC "$tree"
# The documents, without pictures, which would double the package, and without those for
# contributors.
not_installed=(images node_modules __pycache__ architecture.md CONTRIBUTING.md)
(cd "$root" && tar -c "${not_installed[@]/#/--exclude=}" docs ./*.md) | tar -xC "$tree"
mv "$tree/packaging/debian" "$tree/debian"
mv "$tree"/systemd/hawkeye-signaling.{service,sysusers} "$tree/debian/"
sed -f "$tree/systemd/instance.sed" "$tree/debian/hawkeye-signaling.service" \
  >"$tree/debian/hawkeye-signaling@.service"

python3 -m pip --quiet --disable-pip-version-check download --dest "$work/wheels" \
  --require-hashes --no-deps --only-binary :all: --requirement "$root/packaging/wheels.lock" \
  ${wheels:+--no-index --find-links "$wheels"}
for wheel in "$work"/wheels/*.whl; do
  python3 -m zipfile -e "$wheel" "$tree/vendor"
done
"$root/packaging/fetch-browser-client.sh" ${wheels:+--from "$wheels"} \
  --output "$tree/signaling_server/web/static/vendor"

(cd "$root" && python3 -m signaling_server.web.help_page docs/troubleshooting.md) \
  >"$tree/signaling_server/web/static/vendor/help.html"

maintainer=$(sed -n 's/^Maintainer: //p' "$tree/debian/control")
python3 -B "$tree/packaging/changelog.py" package "$version" "$SOURCE_DATE_EPOCH" "$maintainer" \
  "$tree/debian"
[ -s "$tree/debian/NEWS" ] || rm "$tree/debian/NEWS"
if [ -n "$source" ]; then
  mkdir -p "$source"
  cp -R "$tree/." "$source/"
fi

(cd "$tree" && dpkg-buildpackage --build=binary --unsigned-changes --unsigned-buildinfo) \
  >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "dpkg-buildpackage failed"; }
deb=hawkeye-signaling_${version}_all.deb
cp "$work/$deb" "$output/"
echo "$output/$deb"
