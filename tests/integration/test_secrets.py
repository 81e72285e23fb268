"""Secrets planted wherever a client or an operator can put one appear in no output."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from integration.credentials import new_token, write_tokens
from integration.pages import get
from integration.raw import RawClient
from integration.server import ServerProcess

SESSION = "planted-session-key"
SDP = "planted-sdp-line"
PASSWORD = "planted-ice-password"
CANDIDATE = "planted-candidate"
TURN = "planted-turn-credential"


def fetch(url: str, token: str = "") -> str:
    """All that the server answers."""
    page = get(url, token)
    return f"{page.headers}{page.body}"


def without_echo(text: str) -> str:
    """What a sender hears, without the type or the event's name that it sent itself."""
    if '"invalid-type"' in text or '"unknown-event"' in text:
        return text.replace(SDP, "").replace(PASSWORD, "")
    return text


async def test_planted_secrets_appear_in_no_output(tmp_path: Path) -> None:
    token, line = new_token("node")
    watcher, watcher_line = new_token("watcher")
    guess, _ = new_token("guess")
    watcher_line = watcher_line.replace("}", ", can: [signal, status]}")
    ice = {"urls": ["turn:192.0.2.1"], "username": "u", "credential": TURN}
    config = {
        "auth": {"tokens_file": write_tokens(tmp_path, [line, watcher_line])},
        "ice_servers": [ice],
        "limits": {"bad_packets": 100},
    }
    said: list[str] = []
    with ServerProcess(tmp_path, config, "--log-level", "debug") as server:
        async with RawClient(server.url, token=token) as node:
            await node.send(f'40{{"session":"{SESSION}","token":"{token}"}}')
            assert TURN in await node.next("welcome"), "it is for clients"
            body = f'{{"sdp":"a=ice-pwd:{PASSWORD}\\r\\n{SDP}","candidate":"{CANDIDATE}"}}'
            for signal_text in (
                f'{{"type":"offer","data":{body}}}',
                f'{{"type":"{SDP}","data":{body}}}',
                f'{{"type":"offer","data":{body},"to":"{SDP[:3]}"}}',
                f'{{"type":"offer","data":"{PASSWORD}"}}',
                f'{{"type":"offer","data":{body}',
                f'{{"type":"offer","data":{body},"token":"{token}"}}',
            ):
                await node.send(f'42["signal",{signal_text}]')
                await node.send(f'42["report",{signal_text}]')
                await node.send(f'42["{PASSWORD}",{signal_text}]')
                await node.send(f'451-["signal",{signal_text}]')
                await node.send(f"4{signal_text}")
            await node.send('4277["ice_servers"]')
            while not (said[-1:] or [""])[0].startswith("4377"):
                said.append(without_echo(await node.receive()))
            said.pop()
            async with RawClient(server.url, token=watcher) as gcom:
                said.append((await gcom.hello())[1].replace(TURN, ""))
                async with RawClient(server.url, token=guess) as stranger:
                    await stranger.send(f'40{{"token":"{guess}","session":"{SESSION}"}}')
                    said.append(await stranger.receive())
                for path in ("", "healthz", "metrics", "status", "status.json", "api/status"):
                    for bearer in ("", watcher, guess):
                        said.append(fetch(f"{server.url}/{path}", bearer))
                        said.append(fetch(f"{server.url}/{path}?token={guess}", bearer))
                said.append(fetch(f"{server.url}/socket.io/?EIO=4&transport=x&token={guess}"))
                said.append(fetch(f"{server.url}/socket.io/?EIO=3&token={guess}"))
        server.send(signal.SIGHUP)
        await server.line("configuration reloaded")
        await server.line("room default: node (lost its connection|left)")
        server.send(signal.SIGTERM)
        assert await server.exit_code() == 0
        said += server.lines
    everything = json.dumps(said)
    secret_parts = [part.split("_", 2)[2] for part in (token, watcher, guess)]
    for secret in (SESSION, SDP, PASSWORD, CANDIDATE, TURN, *secret_parts):
        found = [text for text in said if secret in text]
        assert not found, (secret, found)
    assert "refused" in everything
