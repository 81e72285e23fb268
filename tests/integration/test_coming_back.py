"""A session that comes back goes on where it was, with every kind of client."""

from __future__ import annotations

from integration.conftest import Visitors


async def test_session_that_comes_back_hears_what_it_missed(visitors: Visitors, kind: str) -> None:
    node = await visitors.join("node")
    gcom = await visitors.join("gcom", auth={"session": "of gcom"})
    assert (await node.next("peer_joined"))["peer_id"] == "gcom"
    await node.call("signal", {"type": "offer", "data": {"number": 0}})
    seen = (await gcom.next("signal"))["seq"]
    for number in (1, 2):
        before = gcom
        await node.call("signal", {"type": "ice-candidate", "data": {"number": number}})
        gcom = await visitors.join("gcom", auth={"session": "of gcom", "seen": seen})
        assert gcom.welcome["resumed"] is True
        assert [peer["peer_id"] for peer in gcom.welcome["peers"]] == ["node"]
        missed = await gcom.next("signal")
        assert missed["data"] == {"number": number}
        assert missed["seq"] > seen
        seen = missed["seq"]
        assert (await before.next("error"))["code"] == "replaced"
        await before.next("disconnect")
        assert await before.has_given_up()
    await gcom.call("signal", {"type": "answer", "data": {}})
    assert (await node.next("signal"))["from"] == "gcom"
    assert node.heard == ["welcome", "peer_joined", "signal"]  # it noticed nothing


async def test_newer_client_takes_the_name_over(visitors: Visitors, kind: str) -> None:
    node = await visitors.join("node")
    gcom = await visitors.join("gcom", auth={"session": "of gcom"})
    await node.next("peer_joined")
    for session in ("another", "one more"):
        newer = await visitors.join("gcom", auth={"session": session})
        assert newer.welcome["resumed"] is False
        assert (await gcom.next("error"))["code"] == "replaced"
        await gcom.next("disconnect")
        assert await gcom.has_given_up()
        assert (await node.next("peer_joined"))["rejoined"] is True
        gcom = newer
    await node.call("signal", {"type": "offer", "data": {}})
    assert (await gcom.next("signal"))["from"] == "node"
