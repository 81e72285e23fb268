"""What the openssl command reads and prints (1.1.1 and newer)."""

from __future__ import annotations

import calendar
import datetime
import ipaddress
import re
from typing import Sequence

from signaling_server.core.certificate.contents import Certificate, Contents
from signaling_server.core.protocol.hosts import LOCAL_NETWORKS

_CONFIG = """\
[ca]
default_ca = own
[own]
database = {work}/index
new_certs_dir = {work}
rand_serial = yes
default_md = sha256
policy = policy
[policy]
commonName = supplied
[req]
distinguished_name = subject
prompt = no
[subject]
commonName = {subject}
[authority]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
{constraints}
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{names}
"""
SUBJECT_CHARACTERS = 64
"""ub-common-name of RFC 5280."""

_END = re.compile(r"^notAfter=(\w{3}) +(\d+) (\d\d):(\d\d):(\d\d) (\d{4}) GMT$", re.MULTILINE)
_NAME = re.compile(r"(DNS|IP Address):([^,\s]+)")
_PERMITTED = re.compile(r"^\s+DNS:(\S+)$", re.MULTILINE)
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def authority_config(work: str, subject: str, permitted: Sequence[str]) -> str:
    """The configuration for a new authority; `work` is a folder for openssl's own files."""
    networks = [f"{n.network_address}/{n.netmask}" for n in LOCAL_NETWORKS]
    lines = [
        *(f"permitted;DNS.{number} = {name}" for number, name in enumerate(permitted)),
        *(f"permitted;IP.{number} = {network}" for number, network in enumerate(networks)),
    ]
    section = "\n".join(["nameConstraints = critical,@permitted", "[permitted]", *lines])
    return _CONFIG.format(work=work, subject=_cut(subject), constraints=section, names="")


def server_config(work: str, subject: str, contents: Contents) -> str:
    """The configuration for a certificate of the server."""
    lines = [
        *(f"DNS.{number} = {name}" for number, name in enumerate(contents.hosts)),
        *(f"IP.{number} = {address}" for number, address in enumerate(contents.addresses)),
    ]
    section = "\n".join(["subjectAltName = @names", "[names]", *lines])
    return _CONFIG.format(work=work, subject=_cut(subject), constraints="", names=section)


def _cut(subject: str) -> str:
    return subject[:SUBJECT_CHARACTERS]


def moment(seconds: float) -> str:
    """A time as `openssl ca -startdate` takes it."""
    utc = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return utc.strftime("%Y%m%d%H%M%SZ")


def certificate(text: str) -> Certificate | None:
    """Read `openssl x509 -noout -enddate -ext subjectAltName`; None if it says no end."""
    end = _END.search(text)
    if end is None:
        return None
    month, day, hour, minute, second, year = end.groups()
    fields = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
    found = _NAME.findall(text)
    return Certificate(
        Contents(
            tuple(name for kind, name in found if kind == "DNS"),
            tuple(str(ipaddress.ip_address(name)) for kind, name in found if kind != "DNS"),
        ),
        float(calendar.timegm(fields)),
    )


def permitted_names(text: str) -> list[str]:
    """The host names in `openssl x509 -noout -ext nameConstraints`."""
    return _PERMITTED.findall(text)
