"""The authority of this machine, and the server's certificate that it signs, made by openssl.

The authority's key is in a folder that root alone can read. The server's key stays the same when
its certificate is renewed, so that a power cut leaves a pair that fits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from signaling_server.core.certificate import contents, interfaces, openssl
from signaling_server.errors import CertificateError
from signaling_server.version import RELEASED

GROUP = "hawkeye-signaling"


class Made(NamedTuple):
    """What `make` has done."""

    reason: str
    """Why the certificate is new; "" if the old one stays."""
    left_out: tuple[str, ...]
    """Names and addresses of this machine that the authority does not permit."""


class Authority:
    """The files in two folders: `served` for the service and clients, `kept` for root alone."""

    def __init__(self, served: Path, kept: Path) -> None:
        self.certificate = served / "ca.crt"
        self.server_certificate = served / "server.crt"
        self.server_key = served / "server.key"
        self.key = kept / "ca.key"

    def exists(self) -> bool:
        return self.key.exists() and self.certificate.exists()

    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate, as phones show it."""
        said = _openssl("x509", "-in", str(self.certificate), "-noout", "-fingerprint", "-sha256")
        return said.strip().split("=", 1)[1]

    def make(self, now: float, names: Sequence[str], *, anew: bool, always: bool) -> Made:
        """Make what is missing; `anew`: another authority; `always`: another certificate.

        Raises CertificateError, and what was there stays.
        """
        if now < RELEASED:
            raise CertificateError("the clock is not set: set it first, with `date` or timedatectl")
        if shutil.which("openssl") is None:
            raise CertificateError("the openssl command is missing: apt-get install openssl")
        try:
            with self._alone():
                return self._make(now, names, anew, always)
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}"
            hint = "; run it as root" if isinstance(error, PermissionError) else ""
            raise CertificateError(reason + hint) from None

    def _make(self, now: float, names: Sequence[str], anew: bool, always: bool) -> Made:
        machine = socket.gethostname().lower()
        own = contents.own_hosts(machine)
        self._keep_those_of_others(anew)
        found = self._found()
        hosts = [*own, *names, *(found.contents.hosts if found and not anew else ())]
        if anew or not self.exists():
            self._make_authority(now, contents.authority_names(hosts), own[-1])
            found = None
        permitted = self._permitted()
        for name in names:
            if not contents.permits(permitted, name):
                raise CertificateError(
                    f"the authority does not permit {name}: make another with --new-authority, "
                    "which every client then has to trust"
                )
        addresses = own_addresses()
        want = contents.wanted(hosts, addresses, permitted)
        ends = min(
            now + (contents.DAYS_IN_ALL - contents.EARLIER_DAYS) * contents.DAY, self._ends()
        )
        reason = "there is none" if found is None else "asked for" if always else ""
        if found is not None and not reason:
            reason = contents.reason_to_renew(found, want, now, ends)
        if reason:
            self._make_certificate(now, ends, want, own[-1])
        left_out = {machine, *own, *addresses} - {*want.hosts, *want.addresses}
        return Made(reason, tuple(sorted(left_out)))

    def _keep_those_of_others(self, anew: bool) -> None:
        for file in (self.certificate, self.server_certificate, self.server_key):
            if file.exists() and not self.key.exists() and not anew:
                raise CertificateError(
                    f"{file} is there, made by somebody else: move it away, or replace it with "
                    "--new-authority"
                )

    def _make_authority(self, now: float, permitted: Sequence[str], machine: str) -> None:
        with _workshop() as work:
            config, key = work / "config", work / "ca.key"
            day = openssl.moment(now)[:8]
            subject = f"Hawkeye authority of {machine[:32]} {day}"
            config.write_text(openssl.authority_config(str(work), subject, permitted))
            _new_key(key)
            signed = _signed(
                config, key, key, "authority", now, contents.AUTHORITY_DAYS * contents.DAY
            )
            _replace(self.key, key.read_bytes(), 0o600)
            _replace(self.certificate, signed, 0o644)

    def _make_certificate(
        self, now: float, ends: float, want: contents.Contents, machine: str
    ) -> None:
        with _workshop() as work:
            config, key = work / "config", work / "server.key"
            config.write_text(openssl.server_config(str(work), machine, want))
            if not self.server_key.exists():
                _new_key(key)
                _replace(self.server_key, key.read_bytes(), 0o640, GROUP)
            authority = ("-cert", str(self.certificate))
            signed = _signed(
                config, self.server_key, self.key, "server", now, ends - now, *authority
            )
            _replace(self.server_certificate, signed, 0o644)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold a lock, so that the timer and a person do not work at the same time."""
        self.key.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self.key.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _found(self) -> contents.Certificate | None:
        """The server's certificate; None if there is no usable pair."""
        if not (self.server_certificate.exists() and self.server_key.exists()):
            return None
        try:
            return openssl.certificate(
                _shown(self.server_certificate, "-enddate", "subjectAltName")
            )
        except CertificateError:  # cut short by a power cut, for example
            return None

    def _permitted(self) -> list[str]:
        return openssl.permitted_names(_shown(self.certificate, "-enddate", "nameConstraints"))

    def _ends(self) -> float:
        shown = _shown(self.certificate, "-enddate", "nameConstraints")
        found = openssl.certificate(shown)
        if found is None:
            raise CertificateError(f"{self.certificate}: no end in {shown!r}")
        return found.ends


def own_addresses() -> set[str]:
    """The addresses of this machine that last."""
    found: set[str] = set()
    for name, read in (("fib_trie", interfaces.ipv4), ("if_inet6", interfaces.ipv6)):
        with contextlib.suppress(FileNotFoundError):  # no IPv6, for example
            found |= read(Path("/proc/net", name).read_text())
    return found


@contextlib.contextmanager
def _workshop() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hawkeye-certificate-") as folder:  # 0700
        work = Path(folder)
        (work / "index").touch()
        yield work


def _new_key(file: Path) -> None:
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    file.touch(mode=0o600)
    _openssl("genpkey", *curve, "-pkeyopt", "ec_param_enc:named_curve", "-out", str(file))


def _signed(
    config: Path, key: Path, by: Path, section: str, now: float, seconds: float, *authority: str
) -> bytes:
    """A certificate for a key, in PEM; without an `authority`, one that signs itself."""
    request, out = config.parent / "request", config.parent / "signed"
    _openssl("req", "-new", "-config", str(config), "-key", str(key), "-out", str(request))
    begins = now - contents.EARLIER_DAYS * contents.DAY
    _openssl(
        *("ca", "-batch", "-notext", "-config", str(config), "-extensions", section),
        *("-keyfile", str(by), *(authority or ("-selfsign",))),
        *("-startdate", openssl.moment(begins), "-enddate", openssl.moment(now + seconds)),
        *("-in", str(request), "-out", str(out)),
    )
    return out.read_bytes()


def _shown(certificate: Path, *options: str) -> str:
    *plain, extension = options
    return _openssl("x509", "-in", str(certificate), "-noout", *plain, "-ext", extension)


def _openssl(*arguments: str) -> str:
    done = subprocess.run(
        ("openssl", *arguments),
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CertificateError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _replace(file: Path, content: bytes, mode: int, group: str = "") -> None:
    """Write a file whole, under its name only when it is on the disk."""
    new = file.with_name(f".{file.name}.new")
    new.unlink() if new.exists() else None
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        if group and os.geteuid() == 0:
            with contextlib.suppress(LookupError):  # not installed as a package: no such group
                shutil.chown(new, group=group)
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
