"""One connection to Redis, for one life: commands are pipelined, their answers told by order.

redis-py's own clients take a connection for each command, wait for the answer, and reconnect in
silence. Here an answer can never reach another command than its own: a command whose caller gave
up gets its answer all the same, and a late answer ends the connection, and all that waits on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Any, Callable, NamedTuple

from redis.exceptions import RedisError, ResponseError

from signaling_server.background import Background
from signaling_server.fleet.engine import EngineLost
from signaling_server.fleet.redis_options import STEP_SECONDS, Access, connection

log = logging.getLogger(__name__)

ANSWER_SECONDS = 1.5
"""The deadline for an answer: a Redis that is slower counts as lost."""
OPEN_SECONDS = 1.5 * STEP_SECONDS
"""The deadline for TCP, TLS and login together."""
CLOSE_SECONDS = STEP_SECONDS


class _Waiting(NamedTuple):
    answer: asyncio.Future[Any]
    since: float


class RedisConnection:
    """You must await `open` first, and `close` at the end.

    `name` is what Redis shows in CLIENT LIST. `heard` gets what others publish to the channels that
    a SUBSCRIBE names, in order.
    """

    def __init__(
        self, access: Access, name: str = "", heard: Callable[[str], None] | None = None
    ) -> None:
        self._connection = connection(access, name)
        self._access = access
        self._heard = heard
        self._background = Background()
        self._outgoing: list[bytes] = []
        self._to_send = asyncio.Event()
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the connection is lost; the result says why."""

    async def open(self) -> None:
        """Connect and log in. Raises EngineLost."""
        try:
            await asyncio.wait_for(self._connection.connect(), OPEN_SECONDS)
        except asyncio.TimeoutError:
            raise EngineLost(f"{self._access} does not answer in {OPEN_SECONDS:g} s") from None
        except (RedisError, OSError) as error:
            raise EngineLost(f"{self._access}: {_sentence(error)}") from error
        self._background.start(self._write())
        self._background.start(self._read())

    async def call(self, *command: str | int) -> Any:
        """Send a command; returns its answer. Raises EngineLost, or redis-py's ResponseError."""
        if self.lost.done():
            raise EngineLost(self.lost.result())
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Waiting(answer, loop.time()))
        self._outgoing += self._connection.pack_command(*command)
        self._to_send.set()
        if self._timer is None:
            self._timer = loop.call_later(ANSWER_SECONDS, self._look_for_late_ones)
        return await answer

    def lose(self, reason: str) -> None:
        """Give the connection up: nothing more is sent, and all calls raise EngineLost."""
        if self.lost.done():
            return
        self.lost.set_result(reason)
        if self._timer:
            self._timer.cancel()
        for waiting in self._waiting:
            if not waiting.answer.done():
                waiting.answer.set_exception(EngineLost(reason))
        self._waiting.clear()

    async def close(self) -> None:
        """End the connection, whatever state it is in."""
        self.lose("closed")
        await self._background.cancel()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._connection.disconnect(), CLOSE_SECONDS)

    def _look_for_late_ones(self) -> None:
        """One timer for all: the first that waits is the one that has waited for longest."""
        self._timer = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        left = self._waiting[0].since + ANSWER_SECONDS - loop.time()
        if left <= 0:
            self.lose(f"{self._access} does not answer in {ANSWER_SECONDS:g} s")
        else:
            self._timer = loop.call_later(left, self._look_for_late_ones)

    async def _write(self) -> None:
        """Send what has been called, that of one turn of the loop together.

        No caller waits for the socket, so no cancelled caller leaves half a command there.
        """
        try:
            while await self._to_send.wait():
                self._to_send.clear()
                packed, self._outgoing = self._outgoing, []
                # Without a suspension in between: redis-py opens a closed connection anew.
                if self.lost.done() or not self._connection.is_connected:
                    return
                await self._connection.send_packed_command(packed, check_health=False)
        except Exception as error:  # old ones raise AttributeError where the reader closes
            self.lose(f"{self._access}: {_sentence(error)}")

    async def _read(self) -> None:
        reason = "closed"
        try:
            while True:
                try:
                    answer = await self._connection.read_response()
                except ResponseError as error:
                    self._answered(error)
                else:
                    self._received(answer)
        except Exception as error:  # whatever it is, what follows can no longer be told apart
            reason = f"{self._access}: {_sentence(error)}"
        finally:
            self.lose(reason)

    def _received(self, answer: Any) -> None:
        if self._heard and isinstance(answer, list) and answer[:1] == ["message"]:
            try:
                self._heard(answer[2])
            except Exception:
                log.exception("a message of the fleet was not understood")
        else:
            self._answered(answer)

    def _answered(self, answer: Any) -> None:
        if not self._waiting:
            return  # lost meanwhile
        future = self._waiting.popleft().answer
        if future.done():
            return  # its caller has given up
        if isinstance(answer, ResponseError):
            future.set_exception(answer)
        else:
            future.set_result(answer)


def _sentence(error: BaseException) -> str:
    """In the words of the system, where it has some: redis-py 4 mangles them."""
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    words = cause.strerror if isinstance(cause, OSError) else ""
    return words or str(cause) or type(error).__name__
