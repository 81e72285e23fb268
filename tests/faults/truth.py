"""Whether what the server says is so just then: judged by what the programs and the links do."""

from __future__ import annotations

import re
import threading
import time
from typing import Any, Callable, Sequence

Lines = Sequence["tuple[float, str]"]
"""What a program has printed: (time, line)."""
INTERVAL = 1.0
LATE = 2.0
"""Seconds for which a report that a client has sent may outlive what it says."""
STOPPED = 1.0
"""Seconds without a frame after which a video has stopped."""


class Truth:
    """What is known outside of the server; `now` and all times are monotonic, in s.

    `programs` has what each peer prints, `server` the lines of the server.
    """

    def __init__(self, programs: dict[str, Lines], server: Lines) -> None:
        self._programs = programs
        self._server = server
        self._out_since = dict.fromkeys(programs, 0.0)

    def out(self, peer_id: str, now: float) -> None:
        """The connection of a peer to the server breaks, or has not been there yet."""
        self._out_since[peer_id] = now

    def is_so(self, finding: dict[str, Any], now: float) -> bool:
        """Whether a finding that was asked for at `now` is true."""
        code, side = finding["code"], finding["side"]
        if code in ("away", "lost"):
            return side in self._programs and self._is_out(side, now)
        if code == "alone":
            here = [peer for peer in self._programs if not self._is_out(peer, now)]
            return here == finding["peers"]
        if code.startswith("reported-"):
            (who,) = finding["peers"]
            return code.partition("-")[2] in self._states(who, now)
        if code == "not-connected":
            return not any(self._sees_frames(peer, now) for peer in finding["peers"])
        return False

    def _is_out(self, peer_id: str, now: float) -> bool:
        """Whether a peer has not joined again since its connection broke."""
        joined = re.compile(rf"\b{peer_id} (re)?joined from ")
        return not any(
            self._out_since[peer_id] <= at <= now and joined.search(line)
            for at, line in self._server
        )

    def _states(self, peer_id: str, now: float) -> set[str]:
        """The states that the peer's RTCPeerConnections have had in the last LATE seconds."""
        found: dict[str, str] = {}
        states = set()
        for at, line in self._programs[peer_id]:
            known = re.fullmatch(r"([\w-]+): (new|connecting|connected|[a-z]+ed)", line)
            if known and at <= now:
                if at >= now - LATE:
                    states.add(found.get(known[1], ""))
                found[known[1]] = known[2]
        return states | {*found.values()}

    def _sees_frames(self, peer_id: str, now: float) -> bool:
        """Whether video has arrived at a peer just now."""
        lines = self._programs[peer_id]
        return any(": frame " in line and now - STOPPED <= at <= now for at, line in lines)


class Watch:
    """Looks each second, in a thread, at what is said. Use it as a context manager."""

    def __init__(self, ask: Callable[[], list[dict[str, Any]]], truth: Truth) -> None:
        self._ask = ask
        self._truth = truth
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.said: list[str] = []
        """Codes, each once."""
        self.false: list[tuple[float, dict[str, Any]]] = []
        """What was said and is not so, and when."""
        self.error: BaseException | None = None

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        try:
            while not self._over.is_set():
                began = time.monotonic()
                for finding in self._ask():
                    if finding["code"] not in self.said:
                        self.said.append(finding["code"])
                    if not self._truth.is_so(finding, began):
                        self.false.append((began, finding))
                self.looks += 1
                self._over.wait(max(0.0, began + INTERVAL - time.monotonic()))
        except BaseException as error:
            self.error = error
            raise
