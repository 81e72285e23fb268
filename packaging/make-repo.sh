#!/bin/bash
# Makes a signed apt repository from the .deb, for machines without a network.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
umask 022

usage="usage: make-repo.sh --key-home DIR [--uri URI] [--with-dependencies SUITE ARCH] OUTPUT DEB...
  --key-home DIR  the GnuPG home of the signing key; created with a new key if it does not exist.
                  Keep it safe: its key can sign anything that your machines install.
  --uri URI       where the machines will find OUTPUT (default: file:/media/hawkeye)
  --also PACKAGE  add this package of the release too, with what it depends on, for example
                  avahi-daemon; repeat it for more
  --with-dependencies SUITE ARCH
                  add all packages that it depends on, down to the C library, from a Debian or
                  Ubuntu release, for example: bookworm arm64
OUTPUT/hawkeye-signaling.sources is then all that a machine needs in /etc/apt/sources.list.d/."
fail() { echo "make-repo.sh: $1" >&2; exit "${2:-1}"; }

key_home='' uri=file:/media/hawkeye suite='' arch=''
also=()
while [ $# -gt 0 ]; do
  case $1 in
    --key-home) key_home=${2:?}; shift 2 ;;
    --uri) uri=${2:?}; shift 2 ;;
    --also) also+=("${2:?}"); shift 2 ;;
    --with-dependencies) suite=${2:?} arch=${3:?}; shift 3 ;;
    -h | --help) echo "$usage"; exit ;;
    -*) echo "$usage" >&2; exit 2 ;;
    *) break ;;
  esac
done
if [ $# -lt 2 ] || [ -z "$key_home" ]; then echo "$usage" >&2; exit 2; fi
ubuntu_keys=/usr/share/keyrings/ubuntu-archive-keyring.gpg
case $suite in
  focal | jammy | noble)
    [ -e "$ubuntu_keys" ] || fail "$suite is a release of Ubuntu: needs $ubuntu_keys. It is in
Ubuntu's package ubuntu-keyring, http://archive.ubuntu.com/ubuntu/pool/main/u/ubuntu-keyring/"
    ;;
esac
for tool in apt-ftparchive:apt-utils gpg:gpg gpg-agent:gpg-agent; do
  command -v "${tool%:*}" >/dev/null || fail "install first: ${tool#*:}"
done

output=$1; shift
debs=()
for deb; do debs+=("$(realpath -e "$deb")"); done
mkdir -p "$output"
output=$(cd "$output" && pwd)
work=$(mktemp -d)
trap end EXIT

# gpg starts an agent that would stay. One that was there before is not this script's.
agent() { gpg-connect-agent --no-autostart --homedir "$key_home" 'getinfo pid' /bye 2>/dev/null; }
agent_before=$(agent) || true
end() {
  rm -rf "$work"
  if [ -z "$agent_before" ] && [ -d "$key_home" ]; then
    gpgconf --homedir "$key_home" --kill gpg-agent
  fi
}

# A separate apt for which no package is installed, so that it fetches all dependencies.
fetch_dependencies() {
  mkdir -p "$work"/apt/{etc,state/lists/partial,cache/archives/partial}
  : >"$work/apt/status"
  case $suite in
    focal | jammy | noble)
      mirror=http://ports.ubuntu.com/ubuntu-ports
      case $arch in amd64 | i386) mirror=http://archive.ubuntu.com/ubuntu ;; esac
      from="[signed-by=$ubuntu_keys] $mirror"
      printf "deb $from %s main universe\n" "$suite" "$suite-updates" "$suite-security"
      ;;
    *)
      from='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org'
      printf "deb $from/%s main\n" "debian $suite" "debian $suite-updates" \
        "debian-security $suite-security"
      ;;
  esac >"$work/apt/etc/sources.list"
  cat >"$work/apt.conf" <<END
Dir::Etc::SourceList "$work/apt/etc/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$work/apt/state";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "";
Acquire::Languages "none";
END
  export APT_CONFIG=$work/apt.conf
  echo "cannot read the lists of $suite for $arch:" >"$work/cause"
  apt-get -qq -o APT::Update::Error-Mode=any update || return
  echo "$suite has not all that the package depends on:" >"$work/cause"
  apt-get -q install --yes --download-only --no-install-recommends "${debs[@]}" python3-uvloop \
    python3-segno "${also[@]}" || return
  unset APT_CONFIG
  echo "cannot write to $output:" >"$work/cause"
  cp "$work"/apt/cache/archives/*.deb "$output/"
}

sign() { gpg --homedir "$key_home" --batch --quiet "$@"; }

if [ -n "$suite" ] && ! fetch_dependencies >"$work/log" 2>&1; then
  cat "$work/log" >&2
  fail "$(cat "$work/cause") $(grep -m 3 -E '^E:| Depends: ' "$work/log")"
fi
cp "${debs[@]}" "$output/"

if [ ! -d "$key_home" ]; then
  install -d -m 700 "$key_home"
  sign --passphrase '' --quick-generate-key 'hawkeye-signaling repository' ed25519 sign never
fi

cd "$output"
apt-ftparchive packages . >Packages
gzip --no-name --force --keep Packages
apt-ftparchive -o APT::FTPArchive::Release::Origin=hawkeye-signaling release . >"$work/Release"
sign --yes --clearsign --output InRelease "$work/Release"

# "Check-Date: no": a drone without a real-time clock boots in 1970, before the repository's date.
cat >hawkeye-signaling.sources <<END
Types: deb
URIs: $uri
Suites: ./
Check-Date: no
Signed-By:
$(sign --armor --export | sed 's/^$/./; s/^/ /')
END
du -sh --apparent-size "$output"
