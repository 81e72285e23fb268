"""A client without a token is refused; one with a token is what the token says, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pytest

from integration.conftest import Visitors
from integration.credentials import new_token, write_tokens
from integration.pages import get
from integration.raw import RawClient
from integration.server import ServerProcess, run_to_its_end
from signaling_server.core.config.token_file import parse_tokens

OFFER = {"type": "offer", "data": {}}
SECRET = "planted-secret"


class Closed(NamedTuple):
    """A server that requires tokens, and the tokens."""

    server: ServerProcess
    folder: Path
    lines: dict[str, str]
    tokens: dict[str, str]

    @property
    def url(self) -> str:
        return self.server.url


@contextlib.contextmanager
def close(tmp_path: Path) -> Iterator[Closed]:
    """Tokens: node and gcom for room drone-1, one for drone-2, a watcher, and one that expired."""
    rooms = {"node": "drone-1", "gcom": "drone-1", "other": "drone-2"}
    made = {name: new_token(name, room) for name, room in rooms.items()}
    made["watcher"] = new_token("watcher")
    made["old"] = new_token("old")
    lines = {name: line for name, (_, line) in made.items()}
    lines["watcher"] = lines["watcher"].replace("}", ", can: [status]}")
    lines["old"] = lines["old"].replace("}", ", expires: 2026-11-02}")
    file = write_tokens(tmp_path, list(lines.values()))
    with ServerProcess(tmp_path, {"auth": {"tokens_file": file}}) as server:
        yield Closed(server, tmp_path, lines, {name: token for name, (token, _) in made.items()})


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Closed]:
    """A server for one test: failed log-ins delay the next ones."""
    with close(tmp_path) as own:
        yield own


def health(url: str, token: str = "") -> dict[str, Any]:
    page = get(f"{url}/healthz", token)
    assert page.status == 200
    return dict(page.json())


@pytest.mark.parametrize("place", ["query", "auth"])
async def test_token_determines_name_and_room(
    visitors: Visitors, closed: Closed, kind: str, place: str
) -> None:
    clients = []
    for name in ("node", "gcom"):
        given = {"token": closed.tokens[name]}
        if place == "query":
            clients.append(await visitors.join(url=closed.url, **given))
        else:
            client = visitors.make()
            await client.connect(closed.url, auth=given)
            client.welcome = await client.next("welcome")
            clients.append(client)
        assert clients[-1].welcome["peer_id"] == name
        assert clients[-1].welcome["room"] == "drone-1"
    await clients[0].call("signal", OFFER)
    assert await clients[1].next("signal") == {**OFFER, "from": "node"}
    await visitors.leave()
    assert not any(
        token in line for token in closed.tokens.values() for line in closed.server.lines
    )


MESSAGES = {
    "": "this server requires a token",
    "hs_abc_" + "x" * 43: "unknown token",
    "old": "the token has expired",
    "watcher": "the token is not for signaling",
}


async def test_bad_token_is_a_connect_error_with_the_reason(
    visitors: Visitors, closed: Closed, kind: str
) -> None:
    for token, message in MESSAGES.items():
        client = visitors.make()
        given = closed.tokens.get(token, token)
        await client.connect(visitors.address(closed.url, token=given), again=True)
        error = json.dumps(await client.next("connect_error"))
        assert message in error
        assert "unauthorized" in error
        assert not given or given not in error
        assert client.heard == []
        assert await client.has_given_up()
    await visitors.leave()


async def joined(url: str, query: str, auth: str) -> str:
    """The room that a raw client joins, or the message of the connect error."""
    client = RawClient(url)
    client._url += query
    async with client:
        await client.send(f"40{auth}")
        answer = await client.receive()
        if answer.startswith("44"):
            return str(json.loads(answer[2:])["message"])
        welcome = json.loads((await client.next("welcome"))[2:])[1]
        assert welcome["peer_id"].startswith("other")
        return str(welcome["room"])


QUERIES = {
    "room": "&room=drone-1",
    "room twice": "&room=drone-1&room=drone-2",
    "encoded room": "&room=%64rone-1",
    "twice encoded room": "&room=drone%252D1",
    "smuggled room": "&x=1%26room=drone-1",
    "smuggled name": "&role=a%26name=node",
    "name": "&name=node",
    "semicolon": "&x=1;room=drone-1;name=node",
    "null byte": "&room=drone-2%00drone-1",
    "not UTF-8": "&room=%FF%FE",
    "array": "&room[]=drone-1&auth[room]=drone-1",
}
AUTHS = {
    "room in auth": '{"room":"drone-1"}',
    "room twice in auth": '{"room":"drone-2","room":"drone-1"}',
    "escaped room": '{"ro\\u006fm":"drone-1"}',
    "list of rooms": '{"room":["drone-2","drone-1"]}',
    "name in auth": '{"name":"node"}',
    "list for auth": '[{"room":"drone-1"}]',
    "text for auth": '"drone-1"',
    "token of another kind": '{"token":["x"],"room":"drone-1"}',
    "token as an object": '{"token":{"$ne":""},"room":"drone-1"}',
    "session and room": '{"session":"guess","seen":0,"room":"drone-1"}',
    "prototype": '{"__proto__":{"room":"drone-1"},"constructor":{"room":"drone-1"}}',
}


async def test_no_wording_of_a_connect_opens_another_room(tmp_path: Path) -> None:
    """Each attempt has its own token and name for drone-2."""
    sayings = [(query, "") for query in QUERIES.values()] + [("", auth) for auth in AUTHS.values()]
    made = [new_token(f"other-{number}", "drone-2") for number in range(len(sayings))]
    file = write_tokens(tmp_path, [line for _, line in made])
    with ServerProcess(tmp_path, {"auth": {"tokens_file": file}}) as server:
        attempts = (
            joined(server.url, f"&token={token}{query}", auth)
            for (token, _), (query, auth) in zip(made, sayings)
        )
        outcomes = dict(zip([*QUERIES, *AUTHS], await asyncio.gather(*attempts)))
    refusals = ("unauthorized", "invalid-name", "invalid-format")
    rooms = {what: got for what, got in outcomes.items() if not got.startswith(refusals)}
    assert set(rooms.values()) == {"drone-2"}, rooms
    assert len(rooms) < len(outcomes)


async def test_nothing_that_an_insider_sends_reaches_another_room(closed: Closed) -> None:
    session = "the-session-of-gcom"
    async with RawClient(closed.url, token=closed.tokens["node"]) as node, RawClient(
        closed.url, token=closed.tokens["gcom"]
    ) as gcom, RawClient(closed.url, token=closed.tokens["other"]) as other:
        await node.hello()
        await gcom.send(f'40{{"session":"{session}"}}')
        welcome = json.loads((await gcom.next("welcome"))[2:])[1]
        await node.next("peer_joined")
        sid = json.loads((await other.hello())[0][2:])["sid"]
        tries = ["gcom", "node", "drone-1", "/drone-1", "*", "", sid, "drone-1/gcom", "gcom\\u0000"]
        tries += [welcome["peer_id"], "room:drone-1", "../drone-1", "GCOM", "gcom "]
        for to in tries:
            await other.send(f'42["signal",{{"type":"offer","data":{{}},"to":"{to}"}}]')
            await other.send(
                f'42["signal",{{"type":"offer","data":{{}},"to":"{to}","room":"drone-1"}}]'
            )
        for packet in (
            '42/drone-1,["signal",{"type":"offer","data":{}}]',
            '42["join",{"room":"drone-1"}]',
            '42["enter_room","drone-1"]',
            '42["connect",{"room":"drone-1"}]',
            '42["disconnect","gcom"]',
            '42["connect_error"]',
            '42["message","hello"]',
            '43["ack"]',
        ):
            await other.send(packet)
        await other.send('4299["signal",{"type":"offer","data":{}}]')
        assert await other.next_ack() == '4399[{"ok":true,"delivered":0,"held":true}]'
        # All of it was handled; had anything reached them, it would come before this:
        await node.send('42["signal",{"type":"offer","data":{"n":1},"to":"gcom"}]')
        first = await gcom.receive()
        while '"peer_joined"' in first:
            first = await gcom.receive()
        assert json.loads(first[2:])[1]["data"] == {"n": 1}


async def test_session_of_another_client_is_no_credential(closed: Closed) -> None:
    auth = '{"session":"s1","seen":0}'
    async with RawClient(closed.url, token=closed.tokens["gcom"]) as gcom:
        await gcom.send(f"40{auth}")
        await gcom.next("welcome")
        async with RawClient(closed.url, token=closed.tokens["node"]) as node:
            await node.send(f"40{auth}")
            welcome = json.loads((await node.next("welcome"))[2:])[1]
        assert welcome["resumed"] is False
        assert welcome["peer_id"] == "node"


async def test_second_token_on_one_connection_is_not_tried(closed: Closed) -> None:
    async with RawClient(closed.url) as client:
        await client.send('40{"token":"hs_guess_one"}')
        assert "unauthorized" in await client.receive()
        await client.send(json.dumps({"token": closed.tokens["node"]}).join(["40", ""]))
        with pytest.raises(ConnectionError):
            await client.receive()


async def test_failures_are_delayed_and_no_secret_is_logged(closed: Closed) -> None:
    before = len(closed.server.lines)
    since = time.monotonic()
    for number in range(5):
        async with RawClient(closed.url, token=f"hs_{SECRET}_{number}") as client:
            await client.send("40")
            assert (await client.receive()).startswith("44")
    assert time.monotonic() - since > 0.1 + 0.2 + 0.4 + 0.8
    await closed.server.line("refused a client from 127.0.0.1: unauthorized", before)
    assert SECRET not in "\n".join(closed.server.lines)


async def test_reload_that_revokes_a_token_disconnects_its_client(
    visitors: Visitors, closed: Closed, kind: str
) -> None:
    node = await visitors.join(url=closed.url, token=closed.tokens["node"], again=True)
    gcom = await visitors.join(url=closed.url, token=closed.tokens["gcom"])
    assert (await node.next("peer_joined"))["peer_id"] == "gcom"
    write_tokens(closed.folder, [line for name, line in closed.lines.items() if name != "node"])
    closed.server.send(signal.SIGHUP)
    assert (await node.next("error"))["code"] == "unauthorized"
    await node.next("disconnect")
    assert (await gcom.next("peer_left"))["peer_id"] == "node"
    assert await node.has_given_up()
    assert (await gcom.call("signal", OFFER))["held"]
    await visitors.leave()


async def test_revoked_client_with_a_session_is_out_even_while_it_is_away(
    visitors: Visitors, closed: Closed
) -> None:
    gcom = await visitors.join(url=closed.url, token=closed.tokens["gcom"])
    async with RawClient(closed.url, token=closed.tokens["node"]) as node:
        await node.send('40{"session":"key"}')
        await node.next("welcome")
        node.break_off()
        await closed.server.line("node lost its connection")
    await gcom.disconnect()
    write_tokens(closed.folder, [line for name, line in closed.lines.items() if name != "node"])
    closed.server.send(signal.SIGHUP)
    await closed.server.line(r"node left \(unauthorized\)")
    newcomer = await visitors.join(url=closed.url, token=closed.tokens["gcom"])
    assert newcomer.welcome["peers"] == []
    await visitors.leave()


@pytest.mark.parametrize("end_expired", [False, True])
async def test_client_whose_token_expires_stays_unless_the_settings_say_otherwise(
    tmp_path: Path, end_expired: bool
) -> None:
    auth = {
        "tokens_file": write_tokens(tmp_path, [new_token("gcom")[1]]),
        "end_expired": end_expired,
    }
    with ServerProcess(tmp_path, {"auth": auth}) as server:
        token, line = new_token("node", "drone-1")
        expires = int(time.time()) + 5  # time for the reload and for the client to connect
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        write_tokens(tmp_path, [line.replace("}", f", expires: {at}}}")])
        server.send(signal.SIGHUP)
        await server.line("configuration reloaded")
        async with RawClient(server.url, token=token) as node:
            assert '"token_expires":' in (await node.hello())[1]
            await asyncio.sleep(max(0.0, expires - time.time()))
            server.send(signal.SIGHUP)  # a reload looks at once, the watch within a minute
            await server.line("the token of node has expired")
            if end_expired:
                assert "the token has expired" in await node.next("error")
                await server.line(r"node left \(unauthorized\)")
            else:
                await node.send('421["signal",{"type":"offer","data":{}}]')
                assert '"ok":true' in await node.next_ack()
        async with RawClient(server.url, token=token) as node:
            await node.send("40")
            assert "the token has expired" in await node.receive()


async def test_reload_of_a_bad_tokens_file_keeps_the_old_tokens(
    visitors: Visitors, closed: Closed
) -> None:
    node = await visitors.join(url=closed.url, token=closed.tokens["node"])
    file = write_tokens(closed.folder, ["  - {id: x, sha256: y, name: node}"])
    closed.server.send(signal.SIGHUP)
    await closed.server.line(f"configuration not reloaded: {file}:2:")
    assert (await node.call("signal", OFFER))["ok"]
    await visitors.join(url=closed.url, token=closed.tokens["gcom"])
    checked = run_to_its_end("check-config", "--config", str(closed.folder / "config.yaml"))
    assert checked.returncode == 78
    assert f"{file}:2:" in checked.stderr
    await visitors.leave()


async def test_reload_that_turns_tokens_on_applies_to_connected_clients(
    visitors: Visitors, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path) as server:
        stranger = await visitors.join(url=server.url)
        token, line = new_token("node")
        file = write_tokens(tmp_path, [line])
        config = tmp_path / "config.yaml"
        config.write_text(f"{config.read_text()}auth: {{tokens_file: {file}}}\n")
        server.send(signal.SIGHUP)
        assert (await stranger.next("error"))["code"] == "unauthorized"
        await visitors.join(url=server.url, token=token)
        assert health(server.url).keys() == {"status", "instance"}
        await visitors.leave()


def test_open_server_warns_of_it(shared_server: ServerProcess) -> None:
    shared_server.wait_for_line("WARNING open to anyone: no auth.tokens_file")


async def test_health_gives_details_only_to_holders_of_a_status_token(
    visitors: Visitors, closed: Closed
) -> None:
    await visitors.join(url=closed.url, token=closed.tokens["node"])
    for token in ("", "x", closed.tokens["node"], closed.tokens["old"]):
        assert health(closed.url, token).keys() == {"status", "instance"}
    assert health(closed.url, closed.tokens["watcher"])["peers"] == 1
    await visitors.leave()


def test_new_token_prints_a_token_once_and_the_line_for_the_file(tmp_path: Path) -> None:
    made = run_to_its_end("new-token", "--name", "node", "--role", 'a "b"', "--room", "drone-1")
    assert made.returncode == 0
    lines = made.stdout.splitlines()
    token = next(line for line in lines if line.startswith("hs_"))
    file = write_tokens(tmp_path, lines[-1:])
    assert token not in lines[-1]
    found = parse_tokens(file, Path(file).read_text(), 0.0).check(token, time.time())
    assert (found.name, found.role, found.rooms) == ("node", 'a "b"', ("drone-1",))


@pytest.mark.parametrize("arguments", [["--name", "a b"], ["--name", "a", "--room", "/"]])
def test_new_token_refuses_a_name_or_room_that_no_client_could_use(arguments: list[str]) -> None:
    made = run_to_its_end("new-token", *arguments)
    assert made.returncode == 2
    assert "1 to 64 characters" in made.stderr
    assert made.stdout == ""
