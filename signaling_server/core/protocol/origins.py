"""Which pages may use this server: the `Origin` of a request against the configuration.

A program sends no Origin and is not concerned. A browser sends the page's, and a page cannot forge
it (RFC 6454, and the Fetch standard). So this protects people at their browsers, it is no login.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import AbstractSet, NamedTuple, Sequence

from signaling_server.core.protocol.hosts import (
    Host,
    local_host,
    own_host,
    parse_host,
    shown,
)

AUTO = "auto"
ANY = "*"
NULL = "null"

NULL_MEANS = (
    'the origin "null" is not one page: any site can send it, with a sandboxed frame; list it only'
    " on a server with tokens or in a network without other pages"
)
"""What check-config says where `null` is listed."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_WEB = {"ws": "http", "wss": "https"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,31}")
_EXAMPLE = "an origin is such as https://gcom.example or http://192.168.1.10:3000"


class Origin(NamedTuple):
    """Where a page is from (RFC 6454 4), in one spelling."""

    scheme: str
    host: str
    """As the name of a Host; "" for schemes without hosts."""
    port: int | None
    """None where the scheme has no default and none is given."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = _DEFAULT_PORTS.get(self.scheme)
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


def parse_origin(text: str) -> Origin | None:
    """The origin; None if it is none, as `null` is."""
    scheme, separator, authority = text.partition("://")
    scheme = scheme.lower()
    if not separator or not _SCHEME.fullmatch(scheme):
        return None
    if not authority:
        return None if scheme in _DEFAULT_PORTS else Origin(scheme, "", None)
    host = parse_host(authority)
    return host and _origin(scheme, host)


def _origin(scheme: str, host: Host) -> Origin:
    port = _DEFAULT_PORTS.get(scheme) if host.port is None else host.port
    return Origin(scheme, host.name, port)


def own_origin(origin: Origin, scheme: str, host: str, names: AbstractSet[str]) -> bool:
    """Whether the page is this server's own; `names` as of own_names.

    `scheme` and `host` (its header) are of the request, as the client sees them. Under a foreign
    name nothing is own: a rebound name makes Origin and Host alike.
    """
    own = parse_host(host)
    return own is not None and own_host(own.name, names) and origin == _origin(scheme, own)


def origin_refusal(
    text: str | None,
    policy: str | Sequence[str],
    tokens: bool,
    scheme: str,
    host: str,
    names: AbstractSet[str],
) -> str:
    """Why a request with this Origin is refused; "" if it is not. What to do: refusals.REASONS.

    `policy` is `socketio.cors_allowed_origins`: `auto`, `*`, or a list of origins; `tokens` tells
    whether the server wants them; `scheme`, `host` and `names` as of own_origin.
    """
    if text is None or policy == ANY:
        return ""
    if text == NULL:
        return "" if NULL in _listed(policy) else _refused(text, "any site can send it")
    origin = parse_origin(text)
    if origin is None:
        return f"the origin {shown(text)} is none: {_EXAMPLE}"
    if own_origin(origin, scheme, host, names):
        return ""
    if policy == AUTO:
        if tokens or _is_local(origin):
            return ""
        return _refused(
            text, "it is neither this server's own nor of a local network" + _hint(origin, host)
        )
    if origin in map(parse_origin, _listed(policy)):
        return ""
    return _refused(text, "it is not listed" + _hint(origin, host))


def _listed(policy: str | Sequence[str]) -> Sequence[str]:
    return () if isinstance(policy, str) else policy


def _is_local(origin: Origin) -> bool:
    """A page of the local network; an extension of a browser is none, whatever its name."""
    return origin.scheme in _DEFAULT_PORTS and local_host(origin.host)


def _hint(origin: Origin, host: str) -> str:
    """Where only scheme or port differ a proxy is likely in between."""
    own = parse_host(host)
    if own is None or own.name != origin.host:
        return ""
    return " (only scheme or port are other than ours: behind a proxy, set listen.trusted_proxies)"


def _refused(text: str, why: str) -> str:
    return f"the origin {shown(text)} is not allowed: {why}"


def origin_complaint(text: str) -> str:
    """What is wrong with an entry of `cors_allowed_origins`, and the right one; "" if nothing is.

    What browsers send is the one spelling of an origin, and it is compared as a whole.
    """
    if text == NULL:
        return ""
    if "*" in text:
        return (
            f"{shown(text)} matches nothing, because an origin is compared as a whole: list each"
            ' one, or write cors_allowed_origins: "*"'
        )
    right = _right(text)
    if right is None:
        return f"{shown(text)} is no origin: {_EXAMPLE}"
    if right == text:
        return ""
    return f"{shown(text)} matches nothing, because browsers send {_fault(text)}: write {right!r}"


def _right(text: str) -> str | None:
    """What a browser sends instead; https:// where no scheme is given."""
    scheme, separator, rest = text.strip().lower().partition("://")
    if not separator:
        scheme, rest = "https", scheme
    scheme = _WEB.get(scheme, scheme)
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    with suppress(UnicodeError):  # too long, or no name at all: parse_host says so
        authority = authority.encode("idna").decode("ascii")
    origin = parse_origin(f"{scheme}://{authority}")
    return str(origin) if origin else None


def _fault(text: str) -> str:
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        return "a scheme (http:// or https://) before the host"
    if scheme.lower() in _WEB:
        return "the scheme of the page, http or https"
    if re.search(r"[/?#\\]", rest):
        return "no path and no slash after the host"
    if text != text.lower():
        return "lower case"
    if re.search(r":[0-9]*$", rest):
        return "no port that is the scheme's default, and others without leading zeros"
    return "one spelling of a host"
