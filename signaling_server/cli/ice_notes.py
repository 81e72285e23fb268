"""What `check-config` and `probe` find when they ask the ICE servers themselves."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Iterable

from signaling_server.core.config.load import Loaded
from signaling_server.core.ice import ice_report
from signaling_server.core.ice.stun_url import Target, targets
from signaling_server.core.ice.verdict import Said
from signaling_server.core.protocol.turn_credentials import configured

CHECK_SECONDS = 2.0
"""How long `check-config` waits for all of them together."""
NAME = "hawkeye-signaling"


def notes(loaded: Loaded) -> list[str]:
    """A sentence for each ICE server of a configuration that does not answer, or refuses.

    It is no mistake of the configuration: the machine may be on another network later.
    """
    servers = configured(loaded.config, loaded.turn_secret, NAME, time.time())
    wanted = [*targets(servers).values()]
    if not wanted or not loaded.config.ice_check.interval:
        return []
    said = asyncio.run(ask_all(wanted, CHECK_SECONDS))
    return [
        f"{target.url}: {ice_report.outcome(each)}"
        for target, each in zip(wanted, said)
        if each.answer is None or each.answer.refusal
    ]


async def ask_all(wanted: Iterable[Target], seconds: float) -> list[Said]:
    """The outcome of a question to each, all at the same time."""
    from signaling_server.appliance.ice_asker import ask  # ssl takes long to import
    from signaling_server.appliance.resolver import Resolver

    resolve = Resolver().resolve
    return list(await asyncio.gather(*(ask(target, resolve, seconds) for target in wanted)))


def row(target: Target, said: Said) -> dict[str, Any]:
    """{url, answers, rtt_ms?, text}: a server in the JSON of `probe`."""
    rtt = said.answer.rtt if said.answer else None
    return {
        "url": target.url,
        "answers": said.answer is not None,
        **({} if rtt is None else {"rtt_ms": ice_report.milliseconds(rtt)}),
        "text": ice_report.outcome(said),
    }
