"""The ICE servers of the settings are asked when they are due."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Awaitable, Callable

import pytest

from signaling_server.appliance import ice_check
from signaling_server.appliance.ice_check import IceCheck
from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.live import Settings
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config, IceCheckSettings, TurnSettings
from signaling_server.core.ice.question import Answer
from signaling_server.core.ice.stun_url import Target
from signaling_server.core.ice.verdict import Said
from signaling_server.core.protocol.rtc_report import ConnectionReport

STUN = IceServer(("stun:10.0.0.1",))
TURN = TurnSettings(urls=("turn:10.0.0.2",), secret_file="x", ttl=60)
YES, NO = Said(Answer(0.01)), Said(None, "no answer within 5 s")
INTERVAL = 60.0


class Scene:
    """An IceCheck with a clock and servers that the test moves."""

    def __init__(self, config: Config) -> None:
        self.now = 0.0
        self.settings = Settings(Loaded(config, {}, turn_secret="s"))
        self.asked: list[Target] = []
        self.says: dict[str, Any] = {}
        self.here = {("r", "node")}
        self.check = IceCheck(
            self.settings, lambda *who: who in self.here, self.ask, lambda: self.now
        )

    async def ask(self, target: Target) -> Said:
        self.asked.append(target)
        said = self.says.get(target.url, YES)
        if isinstance(said, asyncio.Event):
            await said.wait()
            return YES
        if isinstance(said, Exception):
            raise said
        return said

    async def at(self, now: float) -> None:
        """Let everything happen that is due now."""
        self.now = now
        self.check._wake_up()
        for _ in range(20):
            await asyncio.sleep(0)

    def states(self) -> dict[str, str]:
        return {row["url"]: row["state"] for row in self.check.rows()}

    def count(self) -> int:
        """How many questions there were since the last call."""
        asked, self.asked = self.asked, []
        return len(asked)


def play(config: Config, scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        on_stage = Scene(config)
        task = asyncio.get_running_loop().create_task(on_stage.check.keep_asking())
        try:
            await scene(on_stage)
        finally:
            task.cancel()
            await on_stage.check.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_each_server_is_asked_at_once_and_after_the_interval() -> None:
    async def scene(scene: Scene) -> None:
        await scene.at(0.0)
        assert [target.url for target in scene.asked] == ["stun:10.0.0.1", "turn:10.0.0.2"]
        assert scene.asked[1].username.endswith(":hawkeye-signaling")
        assert scene.states() == {"stun:10.0.0.1": "answers", "turn:10.0.0.2": "answers"}
        scene.count()
        await scene.at(59.9)
        assert scene.count() == 0
        await scene.at(60.0)
        assert scene.count() == 2

    play(Config(ice_servers=(STUN,), turn=TURN), scene)


def test_silent_server_is_logged_once_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(scene: Scene) -> None:
        scene.says["stun:10.0.0.1"] = NO
        for now in (0.0, 15.0, 30.0, 35.0, 40.0):
            await scene.at(now)
        assert scene.count() == 5
        assert scene.states() == {"stun:10.0.0.1": "silent"}
        assert scene.check.withheld() == frozenset()
        scene.says.clear()
        await scene.at(45.0)

    caplog.set_level(logging.INFO)
    play(Config(ice_servers=(STUN,)), scene)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "ICE server stun:10.0.0.1: silent for 30 s (no answer within 5 s): "
            "each client waits up to 5 s for it before a call connects",
        ),
        ("INFO", "ICE server stun:10.0.0.1: it answers"),
    ]


WITHHOLDING = Config(ice_servers=(STUN,), turn=TURN, ice_check=IceCheckSettings(INTERVAL, True))


def test_silent_servers_are_withheld_unless_a_client_uses_them() -> None:
    async def scene(scene: Scene) -> None:
        scene.says.update({"stun:10.0.0.1": NO, "turn:10.0.0.2": NO})
        await scene.at(0.0)
        assert scene.check.withheld() == frozenset()
        await scene.at(15.0)
        await scene.at(30.0)
        assert scene.check.withheld() == {"stun:10.0.0.1", "turn:10.0.0.2"}
        relayed = ConnectionReport("connected", {"local": {"type": "relay"}})
        scene.check.report("r", "node", relayed)
        assert scene.check.withheld() == {"stun:10.0.0.1"}
        scene.here.clear()
        assert scene.check.withheld() == {"stun:10.0.0.1", "turn:10.0.0.2"}
        scene.says.clear()
        await scene.at(35.0)
        assert scene.check.withheld() == frozenset()

    play(WITHHOLDING, scene)


def test_reload_asks_at_once_and_follows_the_settings() -> None:
    async def scene(scene: Scene) -> None:
        await scene.at(0.0)
        assert scene.count() == 1
        scene.settings.replace(Loaded(Config(ice_servers=(STUN,), turn=TURN), {}))
        await scene.at(1.0)
        assert scene.count() == 2
        scene.settings.replace(Loaded(Config(turn=TURN), {}))
        await scene.at(2.0)
        assert [*scene.states()] == ["turn:10.0.0.2"]
        off = Config(turn=TURN, ice_check=IceCheckSettings(interval=0.0))
        scene.settings.replace(Loaded(off, {}))
        scene.count()
        await scene.at(3.0)
        assert scene.states() == {}
        assert scene.count() == 0

    play(Config(ice_servers=(STUN,)), scene)


def test_reload_before_the_first_question_is_no_trouble() -> None:
    scene = Scene(Config(ice_servers=(STUN,)))
    scene.settings.replace(Loaded(Config(turn=TURN), {}))
    assert scene.states() == {"turn:10.0.0.2": "unknown"}


def test_slow_server_is_not_asked_twice_at_a_time_and_others_wait_for_none() -> None:
    async def scene(scene: Scene) -> None:
        scene.says["stun:10.0.0.1"] = asyncio.Event()
        await scene.at(0.0)
        scene.count()
        await scene.at(120.0)
        assert [target.url for target in scene.asked] == ["turn:10.0.0.2"]
        scene.says["stun:10.0.0.1"].set()
        await scene.at(120.0)
        assert scene.states()["stun:10.0.0.1"] == "answers"

    play(Config(ice_servers=(STUN,), turn=TURN), scene)


def test_few_servers_are_asked_at_a_time() -> None:
    urls = tuple(f"stun:10.0.1.{number}" for number in range(ice_check.AT_ONCE + 2))

    async def scene(scene: Scene) -> None:
        hold = asyncio.Event()
        scene.says.update(dict.fromkeys(urls, hold))
        await scene.at(0.0)
        assert scene.count() == ice_check.AT_ONCE
        hold.set()
        await scene.at(0.0)
        assert scene.count() == 2

    play(Config(ice_servers=(IceServer(urls),)), scene)


def test_question_that_crashes_is_logged_and_asked_again_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(scene: Scene) -> None:
        scene.says["stun:10.0.0.1"] = ValueError("x")
        await scene.at(0.0)
        assert scene.states() == {"stun:10.0.0.1": "unknown"}
        assert scene.count() == 1
        await scene.at(59.0)
        assert scene.count() == 0
        await scene.at(60.0)
        assert scene.count() == 1

    play(Config(ice_servers=(STUN,)), scene)
    assert "the question to stun:10.0.0.1 failed" in caplog.text


def test_servers_are_asked_when_their_time_comes_by_itself() -> None:
    async def scene(scene: Scene) -> None:
        while len(scene.asked) < 3:
            scene.now += 1.0
            await asyncio.sleep(0.001)

    config = Config(ice_servers=(STUN,), ice_check=IceCheckSettings(interval=0.01))
    play(config, scene)


def test_without_another_asker_the_server_itself_asks() -> None:
    async def scene() -> Said:
        config = Config(ice_servers=(IceServer(("stun:127.0.0.1:65536",)),))  # asks nobody
        check = IceCheck(Settings(Loaded(config, {})), lambda room, peer_id: True)
        [target] = check._targets().values()
        return await check._ask(target)

    assert asyncio.run(scene()).reason == "port 65536 does not exist"
