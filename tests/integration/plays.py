"""The play with a server that has time and room to spare, so that nothing expires by chance.

It says which client does what, and how many frames it hears then.

Two rules keep it the same in each run. Each step waits for the effect of the one before. And what a
room's signals say is read by the server when it has time: a `report` makes it read them at once, so
one follows before something else of the room, or another room, goes into the list of events.
"""

from __future__ import annotations

from contract import found
from integration.play import Play

STUN = {"urls": ["stun:10.0.0.1:3478"]}
FEW_CONNECTIONS = {"connections": 100}
"""So that no machine has too few open files for them."""
NO_PINGS = {"ping_interval": 60, "ping_timeout": 60}

OFFER = '{"type":"offer","data":{"type":"offer","sdp":"v=0\\r\\n%s"}}'
ANSWER = '{"type":"answer","data":{"type":"answer","sdp":"v=0\\r\\n%s"},"to":"%s"}'
VIDEO = (
    "m=video 9 UDP/TLS/RTP/SAVPF 96\\r\\na=rtpmap:96 H264/90000\\r\\na=mid:0\\r\\n"
    "a=ice-ufrag:%s\\r\\na=ice-pwd:a-secret-of-the-play\\r\\na=setup:%s\\r\\na=%s\\r\\n"
)
NODES_OFFER = OFFER % (VIDEO % ("node", "actpass", "sendonly"))
GCOMS_ANSWER = ANSWER % (VIDEO % ("gcom", "active", "recvonly"), "node")
CANDIDATE = (
    '{"type":"ice-candidate","data":{"candidate":'
    '"candidate:1 1 UDP 2122252543 192.168.1.%d 50000 typ host","sdpMid":"0","sdpMLineIndex":0}%s}'
)
NO_MORE = '{"type":"ice-candidate","data":null}'


SPACIOUS = {
    "socketio": NO_PINGS,
    "limits": {**FEW_CONNECTIONS, "json_depth": 8},
    "hold": {"max_messages": 4},
    "ice_servers": [STUN],
    "ice_check": {"interval": 0},
}


async def spacious(play: Play) -> None:
    """All that is allowed, and all mistakes that need no narrow limit."""
    await _two_meet_and_a_third_comes(play)
    await _a_newer_connection(play)
    await _a_session_that_comes_back(play)
    await _a_client_that_polls(play)
    await _two_machines_use_one_name(play)
    await _mistakes(play)
    await play.status("time to spare, at the end", events=True)
    await play.metrics("time to spare, at the end")
    node = await play.joins("node", room="drone-1", name="node")
    await play.stop(node)


async def _two_meet_and_a_third_comes(play: Play) -> None:
    play.recording.act("Two meet, and a third comes")
    node = await play.joins("node", room="drone-1", name="node", role="streaming-node")
    await node.signal(NODES_OFFER, ack="1")
    await node.signal(CANDIDATE % (10, ""))
    await node.signal(NO_MORE, ack="2")
    gcom = await play.joins("gcom", room="drone-1", name="gcom", role="gcom")
    await gcom.hears(4)
    await node.hears(1)
    await gcom.signal(GCOMS_ANSWER)
    await node.hears(1)
    await gcom.signal(CANDIDATE % (20, ',"from":"node","extra":[1.50,{"big":1e400}]'), ack="7")
    await node.hears(1)
    await gcom.signal('{ "type":\t"ice-candidate", "data": { } , "text":"Grüße \\ud83d 🚁" }')
    await node.hears(1)
    await node.signal(CANDIDATE % (11, ',"to":"gcom"'), ack="3")
    await gcom.hears(1)
    pair = '{"local":{"candidateType":"host","protocol":"udp"},"remote":{"type":"relay"}}'
    await node.send(f'424["report",{{"state":"connected","candidate_pair":{pair}}}]')
    await node.hears(1)
    await gcom.send('42["report",{"state":"connecting"}]')
    await gcom.send('428["ice_servers"]')
    await gcom.hears(1)
    third = await play.joins("third", room="drone-1")
    await third.hears(2)
    await node.hears(1)
    await gcom.hears(1)
    await third.signal(OFFER % "", ack="1")
    await node.hears(1)
    await gcom.hears(1)
    await third.send('422["report",{"state":"new"}]')
    await third.hears(1)
    await play.status("three in a room")
    await play.leaves(third)
    await node.hears(1)
    await gcom.hears(1)
    await gcom.close()
    await play.ended()
    await node.hears(1)
    await node.send("1")
    await play.ended()
    await node.close()


async def _a_newer_connection(play: Play) -> None:
    play.recording.act("A newer connection takes a name, and one a session")
    node = await play.joins("node", room="drone-2", name="node")
    old = await play.joins("old", room="drone-2", name="gcom")
    await old.hears(1)
    await node.hears(1)
    new = await play.joins("new", '{"session":"new","seen":3}', room="drone-2", name="gcom")
    await new.hears(1)
    await node.hears(1)
    await old.hears(2)
    await play.ended()
    await node.signal(NO_MORE, ack="1")
    await new.hears(1)
    newer = await play.joins("newer", '{"session":"new","seen":3}', room="drone-2", name="gcom")
    await newer.hears(1)
    await new.hears(2)
    await play.ended()
    other = await play.joins("other", '{"session":"other"}', room="drone-2", name="gcom")
    await other.hears(1)
    await node.hears(1)
    await newer.hears(2)
    await play.ended()
    await play.leaves(other)
    await node.hears(1)
    await play.leaves(node)


async def _a_session_that_comes_back(play: Play) -> None:
    play.recording.act("A session that comes back")
    session = '{"session":"of-the-pilot","seen":%d,"room":"drone-3","name":"pilot"}'
    node = await play.joins("node", room="drone-3", name="node")
    pilot = await play.joins("pilot", session % 0)
    await pilot.hears(1)
    await node.hears(1)
    await node.signal(NODES_OFFER, ack="1")
    await node.signal(CANDIDATE % (10, ""))
    await pilot.hears(2)
    pilot.break_off()
    await play.until_away("pilot")
    await play.ended()
    await node.signal(CANDIDATE % (11, ""), ack="2")
    await node.signal(CANDIDATE % (12, ',"to":"pilot"'), ack="3")
    visitor = await play.joins("visitor", room="drone-3", name="visitor")
    await visitor.hears(2)
    await node.hears(1)
    await visitor.signal(NO_MORE, ack="1")
    await node.hears(1)
    await node.send('424["report",{"state":"connecting"}]')
    await node.hears(1)
    await play.status("one is away")
    again = await play.joins("again", session % 1)
    await again.hears(5)
    await again.signal(NO_MORE, ack="1")
    await visitor.hears(1)
    await node.hears(1)
    await play.leaves(again)
    await visitor.hears(1)
    await node.hears(1)
    await visitor.close()
    await play.ended()
    await node.hears(1)
    await node.close()
    await play.ended()


async def _a_client_that_polls(play: Play) -> None:
    play.recording.act("A client that polls")
    node = await play.joins("node", name="node")
    await node.signal(OFFER % "", ack="1")
    poller = await play.polls("poller", name="poller")
    await poller.send("40")
    await poller.hears(4)
    await node.hears(1)
    await poller.send(f'42["signal",{NO_MORE}]')
    await node.hears(1)
    await poller.send("1")
    await play.ended()
    await node.hears(1)
    await play.leaves(node)


async def _two_machines_use_one_name(play: Play) -> None:
    play.recording.act("Two machines use one name")
    twin = await play.joins("twin 1", room="twins", name="twin")
    for number in range(2, 5):
        newer = await play.joins(f"twin {number}", room="twins", name="twin")
        await twin.hears(2)
        await twin.close()  # as official clients do after a DISCONNECT: it lives
        await play.ended()
        twin = newer
    await play.get("/socket.io/?EIO=4&transport=polling&room=twins&name=twin")
    late = await play.opens("late")
    await late.send('40{"room":"twins","name":"twin"}')
    await late.hears_the_end()
    await play.ended()
    await play.status("two machines use one name")
    await play.leaves(twin)


async def _mistakes(play: Play) -> None:
    play.recording.act("Mistakes")
    clumsy = await play.joins("clumsy", room="mistakes", name="clumsy")
    for ack, argument in enumerate(MISTAKES, 1):
        await clumsy.send(f'42["signal",{argument}]')
        await clumsy.hears(1)
        await clumsy.send(f'42{ack}["signal",{argument}]')
        await clumsy.hears(2)
    for frame, frames in (
        ('421["report",{"state":"odd"}]', 2),
        ('451-2["signal",{"_placeholder":true,"num":0}]', 2),
        ('423["unheard_of",{"a":1}]', 0),
        ("4abc", 0),
        ('424["ice_servers",{"a":1}]', 1),
    ):
        await clumsy.send(frame)
        await clumsy.hears(frames)
    for ack in range(5, 9):
        await clumsy.signal(NO_MORE, ack=str(ack))
    await clumsy.send('429["report",{"state":"failed"}]')
    await clumsy.hears(1)
    await clumsy.signal(CANDIDATE % (10, ""))
    await clumsy.hears(1)
    await clumsy.signal(CANDIDATE % (10, ""), ack="10")
    await clumsy.hears(1)
    found.provoked("sent ice_servers: $: {'a': 1} is not of type 'null'")  # it is ignored
    unnamed = await play.joins("unnamed", room="others")
    taken = f'{{"name":"{unnamed.peer_id}"}}'
    for auth in ('{"name":"with spaces"}', '{"role":7}', '{"session":7}', '{"seen":-1}', taken):
        stranger = await play.opens("stranger", room="others")
        await stranger.send(f"40{auth}")
        await stranger.hears(1)
    stranger = await play.opens("stranger", room="others")
    await stranger.send("40/other,{}")
    await stranger.hears(1)
    await play.leaves(unnamed)
    await play.leaves(clumsy)


MISTAKES = (
    '{"type":"bye","data":{}}',
    '{"type":"offer","data":"v=0"}',
    '{"type":"offer","data":{},"to":7}',
    '{"type":"offer","data":{},"to":"nobody"}',
    "[1]",
    '{"type":"offer",}',
    '{"type":"offer","data":%s}' % ('{"a":' * 8 + "1" + "}" * 8),
)
