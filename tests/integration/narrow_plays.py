"""The plays with servers that refuse: narrow limits, tokens, no patience (rules: plays.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from integration.play import Play
from integration.plays import FEW_CONNECTIONS, NO_MORE, NO_PINGS, STUN
from integration.server import run_to_its_end

# --- a server with narrow limits: what is over them is refused, what is away is soon gone ---------

NARROW = {
    "socketio": NO_PINGS,
    "limits": {
        "connections": 3,
        "message_bytes": 100,
        "messages_per_second": 0.1,
        "burst": 4,
        "bad_packets": 2,
    },
    "rooms": {"max_peers": 2, "max_rooms": 1, "default": "only"},
    "hold": {"max_age": 0.1},
    "resume": {"window": 0.1},
}


async def narrow(play: Play) -> None:
    """What comes too late, is too much or too large."""
    play.recording.act("Nobody comes in time")
    node = await play.joins("node", name="node")
    await node.signal(NO_MORE, ack="1")
    await node.hears(1)
    await play.get("/socket.io/?EIO=4&transport=polling&room=another&name=late")
    play.recording.act("Somebody does not come back in time")
    gcom = await play.joins("gcom", '{"session":"of-gcom"}', name="gcom")
    await gcom.hears(1)
    await node.hears(1)
    await play.get("/socket.io/?EIO=4&transport=polling")
    late = await play.opens("late", name="gcom")  # the door is open for who may be back
    await late.send('40{"name":"late"}')
    await late.hears_the_end()
    await play.ended()
    gcom.break_off()
    await play.ended()
    await node.hears(1)
    play.recording.act("Too large, and too often")
    gcom = await play.joins("gcom", name="gcom")
    await gcom.hears(1)
    await node.hears(1)
    await gcom.signal('{"type":"offer","data":{"sdp":"%s"}}' % ("x" * 100), ack="1")
    await gcom.hears(1)
    await gcom.signal('{"type":"offer","data":{"sdp":"%s"}}' % ("é" * 50))
    await gcom.hears(1)
    await gcom.signal(NO_MORE)
    await node.hears(1)
    await gcom.send('422["report",{"state":"new"}]')
    await gcom.hears(1)
    await gcom.signal(NO_MORE)
    await gcom.hears(1)
    for name in ("signal", "report", "ice_servers"):
        await gcom.send(f'423["{name}",{NO_MORE}]')
        await gcom.hears(2)
    play.recording.act("Too many bad packets")
    for packet in ("4abc", "42{}", "49"):
        await gcom.send(packet)
    await gcom.hears_the_end()
    await play.ended()
    await node.hears(1)
    await play.status("narrow limits, at the end", events=True)
    await play.metrics("narrow limits, at the end")
    await play.stop(node)


# --- a server with tokens -------------------------------------------------------------------------


def with_tokens(folder: Path) -> tuple[str, dict[str, Any]]:
    """A token and the configuration."""
    made = run_to_its_end("new-token", "--name", "gcom", "--role", "pilot", "--room", "drone-1")
    _, token, _, *lines = made.stdout.splitlines()
    files = {"tokens.yaml": "\n".join([*lines, ""]), "turn.secret": "of the play\n"}
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o640)
    config = {
        "socketio": NO_PINGS,
        "limits": FEW_CONNECTIONS,
        "auth": {"tokens_file": str(folder / "tokens.yaml")},
        "ice_servers": [STUN],
        "turn": {
            "urls": ["turn:10.0.0.3:3478"],
            "secret_file": str(folder / "turn.secret"),
            "ttl": 600,
        },
        "ice_check": {"interval": 0},
    }
    return token, config


async def guarded(token: str, play: Play) -> None:
    """Who has the token comes in, and gets credentials for TURN."""
    wrong = ("", f'{{"token":"{token}x"}}', f'{{"token":"{token}","name":"other"}}')
    for auth in wrong:  # each waits longer for its answer
        stranger = await play.opens("stranger")
        await stranger.send(f"40{auth}")
        await stranger.hears(1)
    gcom = await play.joins("gcom", f'{{"token":"{token}"}}', name="gcom")
    await gcom.send('421["ice_servers"]')
    await gcom.hears(1)
    for path in ("/api/status", "/metrics", "/healthz"):
        await play.get(path)
    await gcom.send("1")
    await gcom.close()
    await play.stop()


# --- a server that waits for no CONNECT -----------------------------------------------------------

IMPATIENT = {"socketio": NO_PINGS, "limits": {**FEW_CONNECTIONS, "connect_deadline": 0.1}}


async def impatient(play: Play) -> None:
    """Who says nothing has to go."""
    silent = await play.opens("silent")
    await silent.hears_the_end()
    await play.stop()
