"""`hawkeye-signaling status --fleet`: prints the state of each host of a fleet.

The operator's token goes to the URLs of the command line. To the others, which come out of Redis,
it goes over https alone, where the certificate is checked, and only in a fleet with a secret:
otherwise whoever can write to Redis could collect tokens.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterable, Mapping, NamedTuple, Sequence
from urllib.parse import urlsplit

from signaling_server.cli.fetch import fetch
from signaling_server.cli.paint import paint, wants_colours
from signaling_server.cli.remote import RemoteServer
from signaling_server.cli.status import text
from signaling_server.core.reporting.status_text import Line
from signaling_server.errors import NoAnswerError

AT_ONCE = 16
"""Hosts that are asked at a time."""
NO_URL = "it tells no URL: set fleet.advertise there, or name its URL here"
NO_TOKEN = " (asked without the token: name its URL here to send it)"

Json = Mapping[str, Any]


class Host(NamedTuple):
    """What is known of a host, and what it answered."""

    name: str
    url: str
    report: Any = None
    trouble: str = ""
    """Why there is no answer; "" if there is one."""


class Known(NamedTuple):
    """A host as another one knows it."""

    instance: str
    name: str
    url: str
    signed: bool
    """Whether the fleet has a secret, so that nobody else can have set the URL."""

    @property
    def may_have_token(self) -> bool:
        """Whether the operator's token may be sent to its URL."""
        return self.signed and urlsplit(self.url).scheme == "https"


def fleet_status(server: RemoteServer, others: Sequence[str], as_json: bool) -> int:
    """Print the status of all hosts that `server` and those at `others` know; returns 1 if one
    does not answer.
    """
    hosts = ask_all(server, others)
    if as_json:
        print(json.dumps({"hosts": [_json(host) for host in hosts]}, indent=2))
    else:
        _show(server, hosts)
    return 1 if any(host.trouble for host in hosts) else 0


def ask_all(server: RemoteServer, others: Sequence[str]) -> list[Host]:
    """Ask the hosts of the command line, then those that they know."""
    urls = list(dict.fromkeys([server.url, *others]))
    hosts = _ask_each([(server._replace(url=url), "") for url in urls])
    found = {_instance(host.report) for host in hosts}
    unasked = [known for known in _known(hosts) if known.instance not in found]
    told = [known for known in unasked if known.url]
    questions = []
    for known in told:
        token = server.token if known.may_have_token else ""
        questions.append((server._replace(url=known.url, token=token), known.instance))
    answers = zip(told, _ask_each(questions))
    hosts += [_named(known, host, bool(server.token)) for known, host in answers]
    hosts += [Host(known.name, "", None, NO_URL) for known in unasked if not known.url]
    return hosts


def _ask_each(questions: Sequence[tuple[RemoteServer, str]]) -> list[Host]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda question: _ask(*question), questions))


def _ask(server: RemoteServer, instance: str) -> Host:
    """Ask one host; `instance`: who it has to be, if that is known."""
    try:
        report = fetch(server)
        text(server, report, colours=False)
        fleet = report.get("fleet")
        if not fleet:
            raise NoAnswerError(f"the server at {server.url} is part of no fleet")
        name, answers = str(fleet["name"]), str(fleet["instance"])
        _listed(report)
        if instance and answers != instance:
            raise NoAnswerError(f"another host answers at {server.url}: {name}")
    except NoAnswerError as error:
        return Host("", server.url, None, str(error))
    except (AttributeError, KeyError, TypeError):
        return Host("", server.url, None, f"the server at {server.url} is another version")
    return Host(name, server.url, report)


def _instance(report: Any) -> str:
    return str(report["fleet"]["instance"]) if report else ""


def _known(hosts: Iterable[Host]) -> list[Known]:
    """The hosts that those who answered know, each once. One that cannot be trusted with a token
    for one of them cannot for any.
    """
    found: dict[str, Known] = {}
    for host in hosts:
        for each in _listed(host.report):
            same = found.setdefault(each.instance, each)
            found[each.instance] = same._replace(signed=same.signed and each.signed)
    return list(found.values())


def _listed(report: Any) -> list[Known]:
    fleet = (report or {}).get("fleet") or {}
    signed = fleet.get("signed") is True
    return [
        Known(str(host["instance"]), str(host["name"]), str(host.get("url") or ""), signed)
        for host in fleet.get("hosts", ())
    ]


def _named(known: Known, host: Host, has_token: bool) -> Host:
    """An answer under the name that the other hosts know; `has_token`: the operator has one."""
    advice = NO_TOKEN if host.trouble and has_token and not known.may_have_token else ""
    return host._replace(name=known.name, trouble=f"{host.trouble}{advice}")


def _show(server: RemoteServer, hosts: Sequence[Host]) -> None:
    colours = wants_colours(sys.stdout, os.environ)
    for number, host in enumerate(hosts):
        head = " ".join(filter(None, ["host", host.name, f"at {host.url}" if host.url else ""]))
        print(("\n" if number else "") + paint(Line(head, "title"), colours))
        if host.trouble:
            print(paint(Line(host.trouble, "alarm"), colours))
        else:
            print(text(server._replace(url=host.url), host.report, colours))


def _json(host: Host) -> dict[str, Any]:
    return {
        "name": host.name or None,
        "url": host.url or None,
        "trouble": host.trouble or None,
        "status": host.report,
    }
