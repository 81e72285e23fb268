"""`status --fleet`: which hosts are asked, with which token, and what is printed of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from signaling_server.cli import fleet_status
from signaling_server.cli.remote import RemoteServer
from signaling_server.errors import NoAnswerError

A, B, C = "http://a:8080", "https://b", "https://c"
SERVER = RemoteServer(A, "/socket.io", "operator", None)


def known(name: str, url: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "instance": f"{name}1",
        "url": url,
        "version": "1",
        "rooms": 0,
        "peers": 0,
        "silent_seconds": 0.0,
        "round_trip_ms": None,
        "state": "linked",
    }


def report(name: str, *hosts: dict[str, Any], signed: bool = False, **more: Any) -> dict[str, Any]:
    """The status of a host that knows `hosts`."""
    fleet = {
        "name": name,
        "instance": f"{name}1",
        "state": "together",
        "since": 1.0,
        "signed": signed,
        "warnings": [],
        "hosts": [known(name, None), *hosts],
        "elsewhere": [],
    }
    server = {"version": "1", "uptime_seconds": 61.0, "warnings": []}
    return {"server": server, "counters": {"signals": 0}, "rooms": [], "fleet": fleet, **more}


def without_instances(of_itself: bool) -> dict[str, Any]:
    """The status of a host that does not tell its instance, or that of a host it knows."""
    found = report("a", known("b", B))
    del (found["fleet"] if of_itself else found["fleet"]["hosts"][1])["instance"]
    return found


class Fleet:
    """What answers at each URL, and who was asked with which token."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []

    def fetch(self, server: RemoteServer) -> Any:
        self.asked.append((server.url, server.token))
        if server.url not in self.answers:
            raise NoAnswerError(f"no status from {server.url}: nobody listens")
        return self.answers[server.url]

    def troubles(self, *others: str, server: RemoteServer = SERVER) -> dict[str, str]:
        """What is wrong with each host, by its name or URL."""
        hosts = fleet_status.ask_all(server, others)
        return {host.name or host.url: host.trouble for host in hosts}


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    fleet = Fleet()
    monkeypatch.setattr(fleet_status, "fetch", fleet.fetch)
    return fleet


def test_hosts_of_the_command_line_are_asked_once_each_with_the_token(fleet: Fleet) -> None:
    fleet.answers = {A: report("a", known("b", "https://elsewhere")), B: report("b")}
    assert fleet.troubles(B, A, B) == {"a": "", "b": ""}
    assert sorted(fleet.asked) == [(A, "operator"), (B, "operator")]


@pytest.mark.parametrize(
    ("url", "signed", "token"),
    [
        ("https://b", True, "operator"),
        ("https://b", False, ""),  # whoever writes to Redis may have set it
        ("http://b", True, ""),  # whoever listens on the way would have it
    ],
)
def test_token_goes_to_hosts_of_a_signed_fleet_by_https_alone(
    fleet: Fleet, url: str, signed: bool, token: str
) -> None:
    fleet.answers = {A: report("a", known("b", url), signed=signed), url: report("b")}
    assert fleet.troubles() == {"a": "", "b": ""}
    assert fleet.asked == [(A, "operator"), (url, token)]


def test_one_host_without_a_secret_is_enough_to_keep_the_token_back(fleet: Fleet) -> None:
    fleet.answers = {
        A: report("a", known("c", C), signed=True),
        B: report("b", known("c", C), signed=False),
        C: report("c"),
    }
    assert fleet.troubles(B) == {"a": "", "b": "", "c": ""}
    assert fleet.asked[2] == (C, "")


def test_host_that_is_silent_without_the_token_says_how_to_send_it(fleet: Fleet) -> None:
    fleet.answers = {A: report("a", known("b", B))}
    advice = " (asked without the token: name its URL here to send it)"
    silent = f"no status from {B}: nobody listens"
    assert fleet.troubles() == {"a": "", "b": silent + advice}
    assert fleet.troubles(server=SERVER._replace(token="")) == {"a": "", "b": silent}
    fleet.answers[A] = report("a", known("b", B), signed=True)
    assert fleet.troubles() == {"a": "", "b": silent}


def test_host_without_a_url_is_named(fleet: Fleet) -> None:
    fleet.answers = {A: report("a", known("b", None))}
    assert fleet.troubles() == {"a": "", "b": fleet_status.NO_URL}
    assert fleet.asked == [(A, "operator")]


def test_another_host_at_a_url_is_not_taken_for_the_one_that_is_asked(fleet: Fleet) -> None:
    fleet.answers = {A: report("a", known("b", B)), B: report("c")}
    server = SERVER._replace(token="")
    assert fleet.troubles(server=server) == {"a": "", "b": f"another host answers at {B}: c"}


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (report("a", fleet=None), f"the server at {A} is part of no fleet"),
        (without_instances(of_itself=True), f"the server at {A} is another version"),
        (without_instances(of_itself=False), f"the server at {A} is another version"),
        ([], f"the server at {A} is not hawkeye-signaling, or another version of it"),
    ],
    ids=["no fleet", "no instance", "a host without one", "a stranger"],
)
def test_what_is_no_host_of_a_fleet_is_told(fleet: Fleet, answer: Any, trouble: str) -> None:
    fleet.answers = {A: answer}
    assert fleet.troubles(server=SERVER) == {A: trouble}


def test_each_host_is_printed_under_its_name(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.answers = {A: report("a", known("b", B)), B: report("b")}
    assert fleet_status.fleet_status(SERVER, (), as_json=False) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == [f"host a at {A}", "hawkeye-signaling 1, up 1 min"]
    assert printed[printed.index(f"host b at {B}") - 1] == ""


def test_host_that_does_not_answer_makes_it_fail(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.answers = {A: report("a", known("b", None))}
    assert fleet_status.fleet_status(SERVER, [C], as_json=False) == 1
    printed = capsys.readouterr().out
    assert f"host at {C}\nno status from {C}: nobody listens\n" in printed
    assert f"host b\n{fleet_status.NO_URL}\n" in printed


def test_as_json_everything_is_told(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.answers = {A: report("a", known("b", None))}
    assert fleet_status.fleet_status(SERVER, [C], as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["hosts"] == [
        {"name": "a", "url": A, "trouble": None, "status": fleet.answers[A]},
        {
            "name": None,
            "url": C,
            "trouble": f"no status from {C}: nobody listens",
            "status": None,
        },
        {"name": "b", "url": None, "trouble": fleet_status.NO_URL, "status": None},
    ]
