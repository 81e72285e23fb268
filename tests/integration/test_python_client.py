"""docs/examples/signaling.py against a real server: what it says, and when it connects."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, AsyncIterator, Mapping

import pytest
import yaml
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack

from integration.server import PATIENCE, ROOT, ServerProcess
from signaling_server.core.protocol.auth import digest

CACHE = "--cache-dir=/dev/null"  # the package takes what lies in the folder
EXAMPLES = ROOT / "docs" / "examples"
sys.path.insert(0, str(EXAMPLES))

import signaling  # noqa: E402
from signaling import Refused, Signaling, add_candidate  # noqa: E402

TOKEN = "hs_node_" + "n" * 43


class Client:
    """A Signaling that runs, and the lines it said."""

    def __init__(self, *urls: str, **options: Any) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.signaling = Signaling(*urls, say=self.lines.put_nowait, **options)
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Client:
        self.task = asyncio.get_running_loop().create_task(self.signaling.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    async def event(self, name: str) -> Any:
        """The data of the next event of this name."""
        while True:
            event, data = await asyncio.wait_for(self.signaling.inbox.get(), PATIENCE)
            if event == name:
                return data

    async def line(self) -> str:
        """The next line it says."""
        return await asyncio.wait_for(self.lines.get(), PATIENCE)


@asynccontextmanager
async def slow_link(port: int, delay: float) -> AsyncIterator[str]:
    """The URL of a server behind a link that takes `delay` seconds in each direction."""
    loop = asyncio.get_running_loop()
    pumps = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            loop.call_later(delay, writer.write, data)
        loop.call_later(delay, writer.close)

    async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        pumps.append(loop.create_task(pump(reader, far_writer)))
        pumps.append(loop.create_task(pump(far_reader, writer)))

    server = await asyncio.start_server(link, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in pumps:
            task.cancel()


def with_tokens(folder: Path, *tokens: Mapping[str, str]) -> dict[str, Any]:
    """A configuration that requires one of these tokens."""
    file = folder / "tokens.yaml"
    file.write_text(yaml.safe_dump({"tokens": list(tokens)}))
    file.chmod(0o600)
    return {"auth": {"tokens_file": str(file)}}


async def test_client_connects_over_a_link_with_a_round_trip_of_over_a_second(
    shared_server: ServerProcess,
) -> None:
    async with slow_link(shared_server.port, 0.7) as url, Client(url, name="n", room="slow") as far:
        assert (await far.event("welcome"))["peer_id"] == "n"
        async with Client(shared_server.url, name="g", room="slow") as near:
            await near.event("welcome")
            far.signaling.send("offer", "g", {"type": "offer", "sdp": "v=0"}, call="1")
            assert (await near.event("signal"))["call"] == "1"


async def test_signal_that_waits_for_its_confirmation_on_a_slow_link_comes_once(
    shared_server: ServerProcess,
) -> None:
    async with slow_link(shared_server.port, 0.7) as url, Client(
        url, name="n", room="once"
    ) as far, Client(shared_server.url, name="g", room="once") as near:
        await far.event("peer_joined")
        for number in range(3):
            far.signaling.send("ice-candidate", "g", None, number=number)
        assert [(await near.event("signal"))["number"] for _ in range(3)] == [0, 1, 2]


async def test_reason_of_a_wrong_token_is_said_and_the_right_one_lets_in(tmp_path: Path) -> None:
    config = with_tokens(tmp_path, {"id": "node", "sha256": digest(TOKEN), "name": "node"})
    with ServerProcess(tmp_path, config) as server:
        async with Client(server.url, name="node") as client:
            reason = await client.event("retry")
            assert reason["code"] == "unauthorized"
            assert await client.line() == signaling.text_of(reason)
        async with Client(server.url, token=TOKEN) as client:
            assert (await client.event("welcome"))["peer_id"] == "node"


async def test_reason_of_a_full_room_is_said_once_until_there_is_a_place(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"rooms": {"max_peers": 1}}) as server:
        async with Client(server.url, name="first", room="r") as first:
            await first.event("welcome")
            async with Client(server.url, name="second", room="r") as second:
                reason = (await second.event("retry"))["message"]
                assert reason.startswith("room-full: ")
                assert (await second.event("retry"))["message"] == reason
                assert await second.line() == reason
                assert second.lines.empty()
                await first.__aexit__()
                assert (await second.event("welcome"))["room"] == "r"


async def test_another_server_is_tried_where_none_answers(shared_server: ServerProcess) -> None:
    async with slow_link(1, 0) as nobody:
        pass
    async with Client(nobody, shared_server.url, name="n", room="two") as client:
        assert nobody.rpartition(":")[2] in (await client.event("retry"))["message"]
        assert (await client.event("welcome"))["room"] == "two"
        assert await client.line() != ""
        assert shared_server.url in await client.line()


async def test_web_server_that_is_no_signaling_server_is_named(
    shared_server: ServerProcess,
) -> None:
    async with Client(shared_server.url, path="elsewhere") as client:
        assert (await client.event("retry"))["message"] == (
            f"no signaling server at {shared_server.url}/elsewhere/: HTTP 404"
        )


async def test_client_whose_name_is_taken_over_ends(shared_server: ServerProcess) -> None:
    async with Client(shared_server.url, name="n", room="twice") as older:
        await older.event("welcome")
        async with Client(shared_server.url, name="n", room="twice") as newer:
            await newer.event("welcome")
            assert older.task is not None
            with pytest.raises(Refused, match="replaced"):
                await asyncio.wait_for(older.task, PATIENCE)
            assert (await older.event("refused"))["code"] == "replaced"


async def test_client_resumes_its_session_after_a_restart_of_the_link(
    shared_server: ServerProcess,
) -> None:
    async with Client(shared_server.url, name="n", room="again") as client:
        assert not (await client.event("welcome"))["resumed"]
        client.signaling._sio.eio.ws._response.connection.transport.abort()
        await client.event("disconnect")
        assert (await client.event("welcome"))["resumed"]


@pytest.mark.parametrize(
    "place",
    [{"sdpMLineIndex": 0}, {"sdpMid": "0"}, {"sdpMid": "0", "sdpMLineIndex": None}, {}],
    ids=["GStreamer", "libdatachannel", "null", "neither"],
)
async def test_candidate_needs_a_mid_or_a_line(place: dict[str, Any]) -> None:
    node, gcom = RTCPeerConnection(), RTCPeerConnection()
    try:
        node.addTrack(VideoStreamTrack())
        await node.setLocalDescription(await node.createOffer())
        text = node.localDescription.sdp.replace("a=end-of-candidates\r\n", "")
        await gcom.setRemoteDescription(RTCSessionDescription(text, "offer"))
        line = "candidate:1 1 UDP 2130706431 192.0.2.7 5000 typ host"
        await add_candidate(gcom, {"candidate": line, **place})
        await add_candidate(gcom, {"candidate": ""})
        await add_candidate(gcom, None)
        ice = gcom.getTransceivers()[0].receiver.transport.transport
        assert "192.0.2.7" in [each.host for each in ice._connection.remote_candidates]
    finally:
        await node.close()
        await gcom.close()


@pytest.mark.parametrize(
    ("url", "fields", "expected"),
    [
        ("http://h:1", {"name": "n"}, "http://h:1?name=n"),
        ("http://h/?name=a&x=1", {"name": "n", "room": None}, "http://h/?x=1&name=n"),
        ("http://h/?name=a", {}, "http://h/?name=a"),
    ],
)
def test_options_win_over_the_query(url: str, fields: dict[str, Any], expected: str) -> None:
    assert signaling.with_query(url, fields) == expected


def test_module_is_typed() -> None:
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--ignore-missing-imports",
            CACHE,
            "signaling.py",
        ],
        cwd=EXAMPLES,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
