"""The scripts that Redis runs for the engine, each in one piece, between all other commands.

None reads a clock: a host record expires by Redis' own. The keys, of which {hs} is the prefix:

    {hs}:hosts            set of instances whose record or rooms are not yet gone
    {hs}:host:INSTANCE    the record of a host; it expires with the lease
    {hs}:name:NAME        the instance of this name; it expires with the lease
    {hs}:rooms            hash of room -> instance; valid while the record of the instance lives
    {hs}:owned:INSTANCE   set of the rooms of an instance, so that they can be freed in steps

Each script gets the start of all keys, such as "{hs}:", as its only key. The keys that it makes of
it share one hash tag, and a Redis Cluster, which would need to know them, is refused.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

STEP = 500
"""Rooms for which one script works, at most: 500 take Redis about 1 ms."""


class Script(NamedTuple):
    """A script, and the name under which Redis keeps it."""

    text: str
    sha: str


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode()).hexdigest())


ANNOUNCE = _script("""
-- instance, record, lease in ms, name
local hs, me, record, lease, name = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local before = redis.call('GET', hs .. 'name:' .. name)
if before and before ~= me then redis.call('DEL', hs .. 'host:' .. before) end
redis.call('SET', hs .. 'name:' .. name, me, 'PX', lease)
redis.call('SET', hs .. 'host:' .. me, record, 'PX', lease)
redis.call('SADD', hs .. 'hosts', me)
return 1
""")
"""The name is ours from now on: the host that had it, such as our predecessor, is dead."""

BEAT = _script("""
-- instance, record, lease in ms, name
local hs, me, record, lease, name = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not redis.call('SET', hs .. 'host:' .. me, record, 'PX', lease, 'XX') then return 0 end
if redis.call('GET', hs .. 'name:' .. name) == me then
    redis.call('SET', hs .. 'name:' .. name, me, 'PX', lease)
end
return 1
""")
"""1, or 0 if the record was gone: its lease has ended, or another host has taken the name."""

CLAIM = _script("""
-- instance, room ...
local hs, me = KEYS[1], ARGV[1]
local owners, alive = {}, {}
for i = 2, #ARGV do
    local owner = redis.call('HGET', hs .. 'rooms', ARGV[i])
    if owner and owner ~= me and alive[owner] == nil then
        alive[owner] = redis.call('EXISTS', hs .. 'host:' .. owner) == 1
    end
    if not owner or owner == me or not alive[owner] then
        if owner and owner ~= me then redis.call('SREM', hs .. 'owned:' .. owner, ARGV[i]) end
        redis.call('HSET', hs .. 'rooms', ARGV[i], me)
        redis.call('SADD', hs .. 'owned:' .. me, ARGV[i])
        owner = me
    end
    owners[i - 1] = owner
end
return owners
""")
"""The owner of each room, after those that were free, ours, or a dead host's have become ours."""

RELEASE = _script("""
-- instance, room ...
local hs, me = KEYS[1], ARGV[1]
for i = 2, #ARGV do
    if redis.call('HGET', hs .. 'rooms', ARGV[i]) == me then
        redis.call('HDEL', hs .. 'rooms', ARGV[i])
    end
    redis.call('SREM', hs .. 'owned:' .. me, ARGV[i])
end
return 1
""")

_FREE = """
local function free(hs, dead, most)
    local rooms = redis.call('SPOP', hs .. 'owned:' .. dead, most)
    for _, room in ipairs(rooms) do
        if redis.call('HGET', hs .. 'rooms', room) == dead then
            redis.call('HDEL', hs .. 'rooms', room)
        end
    end
    if redis.call('EXISTS', hs .. 'owned:' .. dead) == 0 then
        redis.call('SREM', hs .. 'hosts', dead)
    end
    return #rooms
end
"""

BURY = _script(
    _FREE
    + """
-- instance, its channel if nobody was seen to listen to it, rooms at most
local hs, dead, channel, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if channel ~= '' and redis.call('PUBSUB', 'NUMSUB', channel)[2] == 0 then
    redis.call('DEL', hs .. 'host:' .. dead)
end
if redis.call('EXISTS', hs .. 'host:' .. dead) == 1 then return 0 end
return free(hs, dead, most)
"""
)
"""How many rooms were taken from the dead; 0 if it lives: then it keeps them."""

LEAVE = _script(
    _FREE
    + """
-- instance, rooms at most, name
local hs, me, most, name = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
redis.call('DEL', hs .. 'host:' .. me)
if redis.call('GET', hs .. 'name:' .. name) == me then redis.call('DEL', hs .. 'name:' .. name) end
return free(hs, me, most)
"""
)
"""The first call makes all our rooms claimable; each call frees some of them."""

HOSTS = _script(
    _FREE
    + """
-- rooms at most
local hs, most, found = KEYS[1], tonumber(ARGV[1]), {}
for _, instance in ipairs(redis.call('SMEMBERS', hs .. 'hosts')) do
    local record = redis.call('GET', hs .. 'host:' .. instance)
    if record then
        found[#found + 1] = instance
        found[#found + 1] = record
    elseif most > 0 then
        most = most - free(hs, instance, most)
    end
end
return found
"""
)
"""instance, record, ... of the living. It frees rooms of the dead: nobody else does after all hosts
have died."""
