#!/bin/bash
# Makes hawkeye-signaling-bundled from the ordinary package: with aiohttp inside, for systems whose
# own is too old (Debian 11: Python 3.9; Ubuntu 20.04 and JetPack 5: Python 3.8).
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
umask 022

usage="usage: build-bundled.sh --python 3.8|3.9 --arch amd64|arm64 [--wheels DIR] [--output DIR] DEB
  --python VERSION  the Python of the system that it is for
  --arch ARCH       the architecture of that system
  --wheels DIR      take the wheels of bundled-cp*.lock from DIR instead of the package index
  --output DIR      write the package to DIR (default: that of DEB)
  DEB               what build-deb.sh has made"
fail() { echo "build-bundled.sh: $1" >&2; exit "${2:-1}"; }

here=$(cd "$(dirname "$0")" && pwd)
python='' arch='' wheels='' output=''
while [ $# -gt 0 ]; do
  case $1 in
    --python) python=${2:?}; shift 2 ;;
    --arch) arch=${2:?}; shift 2 ;;
    --wheels) wheels=$(cd "${2:?}" && pwd); shift 2 ;;
    --output) mkdir -p "${2:?}"; output=$(cd "$2" && pwd); shift 2 ;;
    -h | --help) echo "$usage"; exit ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) break ;;
  esac
done
[ $# -eq 1 ] || { echo "$usage" >&2; exit 2; }
deb=$(realpath -e "$1")
: "${output:=$(dirname "$deb")}"
minor=${python#3.}
tag=cp3$minor
lock=$here/bundled-$tag.lock
if [ -z "$minor" ] || [ ! -e "$lock" ]; then
  fail "no wheels are listed for Python '$python'" 2
fi
case $arch in
  amd64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *) fail "no wheels are listed for the architecture '$arch'" 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
dpkg-deb --raw-extract "$deb" "$tree"
SOURCE_DATE_EPOCH=$(stat -c %Y "$tree/usr/bin/hawkeye-signaling")
export SOURCE_DATE_EPOCH

python3 -m pip --quiet --disable-pip-version-check download --dest "$work/wheels" \
  --require-hashes --no-deps --only-binary :all: --requirement "$lock" \
  --implementation cp --python-version "$python" --abi "$tag" --abi none \
  --platform "manylinux2014_$machine" --platform "manylinux_2_17_$machine" --platform any \
  ${wheels:+--no-index --find-links "$wheels"}
private=$tree/usr/share/hawkeye-signaling
for wheel in "$work"/wheels/*.whl; do
  python3 -m zipfile -e "$wheel" "$private"
done
# Their licences stay; the rest of the metadata is for pip.
find "$private" -maxdepth 1 -name '*.dist-info' | while read -r info; do
  name=$(basename "$info" .dist-info)
  find "$info" -iname 'LICEN[CS]E*' -type f | sort | while read -r licence; do
    mkdir -p "$private/licences"
    cat "$licence" >>"$private/licences/${name%%-*}"
  done
  rm -r "$info"
done
find "$tree" -name __pycache__ -prune -exec rm -r {} +
chmod -R u=rwX,go=rX "$private"

control=$tree/DEBIAN/control
version=$(sed -n 's/^Version: //p' "$control")
name=hawkeye-signaling-bundled
depends="python3 (>= $python~), python3 (<< 3.$((minor + 1))~), openssl, systemd"
depends="$depends, python3-sdnotify, python3-systemd, python3-yaml"
sed -i -e "s/^Package: .*/Package: $name/" -e "s/^Architecture: .*/Architecture: $arch/" \
  -e "s/^Depends: .*/Depends: $depends/" -e '/^Recommends: /d' -e '/^Source: /d' \
  -e "s/^Description: .*/&, with aiohttp/" \
  -e "/^Installed-Size: /s/.*/Installed-Size: $(du -sk --apparent-size "$tree/usr" | cut -f1)/" \
  -e '/^Maintainer: /a Provides: hawkeye-signaling\nConflicts: hawkeye-signaling\nReplaces: hawkeye-signaling' \
  "$control"
sed -i "s/\(py3compile\|py3clean\) -p hawkeye-signaling\b/\1 -p $name/;
  s/dpkg -L hawkeye-signaling\b/dpkg -L $name/" "$tree"/DEBIAN/{postinst,prerm}
mv "$tree/usr/share/doc/hawkeye-signaling" "$tree/usr/share/doc/$name"
(cd "$tree" && find usr lib -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
find "$tree" -print0 | xargs -0 touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
# One for each Python: the release of the system is part of the name.
file=${name}_${version}_py${python}_$arch.deb
dpkg-deb --root-owner-group --uniform-compression -Zxz --build "$tree" "$output/$file" >/dev/null
echo "$output/$file"
