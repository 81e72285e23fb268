"""Asks a STUN or TURN server whether it is there: the I/O around core/ice/question.py."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import ssl
import time
from typing import Awaitable, Callable, Sequence

from signaling_server.appliance.ice_channel import Datagrams, NotStunError, Stream, connect
from signaling_server.core.ice.question import RETRANSMIT_SECONDS, Answer, Question
from signaling_server.core.ice.stun_url import Target
from signaling_server.core.ice.verdict import Said

PATIENCE = 5.0
"""How long a server may take, in seconds: aiortc gives up after as long."""
_OWN_FAULTS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""The server at the other end has no part in these."""

_LAST_PORT = 65535

Resolve = Callable[[str], Awaitable[Sequence[str]]]


async def ask(target: Target, resolve: Resolve, patience: float = PATIENCE) -> Said:
    """Ask a server, at one IPv4 and one IPv6 address at the same time; never raises OSError."""
    if target.transport == "dtls":
        return Said(None, "TURN over DTLS is not checked", unasked=True)
    if target.port > _LAST_PORT:
        return Said(None, f"port {target.port} does not exist", unasked=True)
    started = time.monotonic()
    try:
        addresses = one_of_each(await asyncio.wait_for(resolve(target.host), patience))
    except asyncio.TimeoutError:
        return Said(None, f"{target.host} is not resolved within {patience:g} s")
    except OSError as error:
        reason = f"{target.host} is not resolved: {error.strerror or error}"
        return Said(None, reason, unasked=error.errno in _OWN_FAULTS)
    left = patience - (time.monotonic() - started)
    outcomes = await asyncio.gather(*(_ask_at(target, each, left, patience) for each in addresses))
    return together(addresses, outcomes)


def one_of_each(addresses: Sequence[str]) -> tuple[str, ...]:
    """The first IPv4 and the first IPv6 address."""
    families: dict[int, str] = {}
    for address in addresses:
        families.setdefault(ipaddress.ip_address(address.partition("%")[0]).version, address)
    return tuple(families.values())


def together(addresses: tuple[str, ...], outcomes: Sequence[Said]) -> Said:
    """The outcome of all addresses: a server is there if it answers at one of them."""
    answers = [said.answer for said in outcomes if said.answer]
    if answers:
        best = min(answers, key=lambda answer: (answer.refusal != "", answer.rtt or 0.0))
        return Said(best, addresses=addresses)
    reasons = dict.fromkeys(said.reason for said in outcomes)
    unasked = all(said.unasked for said in outcomes)
    return Said(None, "; ".join(reasons), unasked, addresses)


async def _ask_at(target: Target, address: str, left: float, patience: float) -> Said:
    try:
        answer = await _converse(target, address, left)
    except NotStunError as error:
        return Said(None, str(error))
    except OSError as error:
        return Said(None, _words(error), unasked=error.errno in _OWN_FAULTS)
    return Said(answer, "" if answer else f"no answer within {patience:g} s")


def _words(error: OSError) -> str:
    """The system's own, because asyncio's repeat the address; OpenSSL has numbers of its own."""
    if isinstance(error, ssl.SSLError):
        return f"TLS handshake failed: {error.reason or error}"
    number = error.errno or 0
    return os.strerror(number) if number in errno.errorcode else str(error)


async def _converse(target: Target, address: str, seconds: float) -> Answer | None:
    """What the server says within so many seconds; None: nothing. Raises OSError."""
    question = Question(target, os.urandom)
    deadline = time.monotonic() + seconds
    try:
        channel = await asyncio.wait_for(connect(target, address), seconds)
    except asyncio.TimeoutError:
        return None
    try:
        while not question.done and await _exchange(question, channel, deadline):
            pass
    except OSError:
        if question.answer is None:
            raise
    finally:
        farewell = question.farewell(time.monotonic())
        if farewell:
            channel.send(farewell)
        await channel.close()
    return question.answer


async def _exchange(question: Question, channel: Datagrams | Stream, deadline: float) -> bool:
    """Send the next request until a response comes; False: none has come by the deadline."""
    channel.send(question.next_request(time.monotonic()))
    waits = [] if channel.reliable else list(RETRANSMIT_SECONDS)
    while True:
        left = deadline - time.monotonic()
        pause = min(left, waits.pop(0)) if waits else left
        if await _responds(question, channel, pause):
            return True
        if channel.reliable or time.monotonic() >= deadline:
            return False
        channel.send(question.again())


async def _responds(question: Question, channel: Datagrams | Stream, seconds: float) -> bool:
    """Whether the response to the last request comes within so many seconds."""
    until = time.monotonic() + seconds
    while True:
        try:
            data = await asyncio.wait_for(channel.receive(), max(0.0, until - time.monotonic()))
        except asyncio.TimeoutError:
            return False
        if question.receive(data, time.monotonic()):
            return True
