"""What a play with a server brought forth, as text that is the same in each run.

What differs from run to run is replaced: sids by <sid-1>, <sid-2> in the order in which they are
first heard, times by <t>, measured amounts by <n>, ports, versions and tokens by their names.
"""

from __future__ import annotations

import difflib
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any, Iterable

FOLDER = Path(__file__).with_name("recorded")
RECORD = "HAWKEYE_RECORD"
"""The environment variable with which a test writes the files anew."""

_SID = re.compile(r'^4?0\{"sid":"([\w-]+)"')
_VERSION = r"\d+(?:\.\d+)+\w*"
_DIFFERENT = [
    (re.compile(pattern), text)
    for pattern, text in (
        (r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
        (r"(127\.0\.0\.1):\d+", r"\1:<port>"),
        (rf"(hawkeye-signaling[/ ]){_VERSION}", r"\1<version>"),
        (rf'((?:version|python)="){_VERSION}', r"\1<version>"),
        (r"after \d+\.\d s", "after <t> s"),
        (r"hs_[\w.-]+", "hs_<token>"),
        (r"HAWKEYE_SID=[\w-]{20}\b", "HAWKEYE_SID=<of who was refused>"),
        (r'"instance": "\w+"', '"instance": "<random>"'),
        (r'"server_time":\d+(?:\.\d+)?', '"server_time":<t>'),
        # Credentials of a TURN server: when they expire, for whom, and what is made of that.
        (r'"username":"\d+:', '"username":"<t>:'),
        (r'"credential":"[\w+/=]{28}"', '"credential":"<hmac>"'),
        (r"^(hawkeye_handshake_seconds_bucket.*) \d+$", r"\1 <n>"),
        (r"^(hawkeye_handshake_seconds_sum|hawkeye_event_loop_lag_seconds) .*$", r"\1 <t>"),
        (r"^(process_cpu_seconds_total) .*$", r"\1 <t>"),
        (r"^(process_resident_memory_bytes|hawkeye_queue_high_water|hawkeye_tasks) .*$", r"\1 <n>"),
    )
]
_TIMELINE = re.compile(r"\.(?:former_)?rooms\.timeline\.")
_TIMES = re.compile(r"seconds|_ago$|^last_activity$|^(?:time|since|until|at)$")


class Recording:
    """The texts of one run. `wire`, `status`, `metrics` and `log` are lines as they came."""

    def __init__(self) -> None:
        self.wire: list[str] = []
        self.status: list[str] = []
        self.metrics: list[str] = []
        self.log: list[str] = []
        self._sids: dict[str, str] = {}

    def act(self, title: str) -> None:
        """Begin a part."""
        self.wire += ["", f"# {title}"]

    def learn(self, frame: str) -> None:
        """Note the sid that a frame hands out, if it does."""
        found = _SID.match(frame)
        if found:
            self._sids[found[1]] = f"<sid-{len(self._sids) + 1}>"

    def is_sid(self, text: str) -> bool:
        """Whether it was handed out as one."""
        return text in self._sids

    def normal(self, lines: Iterable[str]) -> str:
        """The text of these lines, without what differs from run to run."""
        found: list[str] = []
        for timeline, group in itertools.groupby(
            map(self._normal, lines), lambda line: bool(_TIMELINE.match(line))
        ):
            # On a timeline, what insight reads comes later, by a quarter of a second.
            together = list(group)
            found += sorted(together) if timeline else together
        return "\n".join(found).strip("\n") + "\n"

    def _normal(self, line: str) -> str:
        for sid, name in self._sids.items():
            line = line.replace(sid, name)
        for pattern, text in _DIFFERENT:
            line = pattern.sub(text, line)
        return line


def difference(name: str, found: str) -> list[str]:
    """The lines in which a text differs from its file; with RECORD set, none and a new file."""
    file = FOLDER / name
    if os.environ.get(RECORD):
        file.write_text(found, encoding="utf-8")
    recorded = file.read_text(encoding="utf-8")
    lines = recorded.splitlines(), found.splitlines()
    return list(difflib.unified_diff(*lines, f"{name}, recorded", f"{name}, now", "", "", 2, ""))


def rows_of(status: dict[str, Any]) -> Iterable[str]:
    """/api/status without its times and its version, each object on a line of its own."""
    shown = {**status, "server": {**status["server"], "version": "<version>"}}
    return _rows("", _timeless(shown))


def _timeless(value: Any) -> Any:
    """JSON without its times."""
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "<t>" if _TIMES.search(key) and each is not None else _timeless(each)
        for key, each in value.items()
    }


def _rows(path: str, value: Any) -> Iterable[str]:
    """JSON as lines: an object with what it holds, but for the objects in it, which follow.

    The members of a list have no numbers, so that one more makes no other line differ.
    """
    if isinstance(value, list):
        for each in value:
            yield from _rows(path, each)
        return
    apart = {key: each for key, each in value.items() if _holds_objects(each)}
    within = {key: each for key, each in value.items() if key not in apart}
    if within or not apart:
        yield f"{path or '.'} {json.dumps(within, ensure_ascii=False)}"
    for key, each in apart.items():
        yield from _rows(f"{path}.{key}", each)


def _holds_objects(value: Any) -> bool:
    members = value if isinstance(value, list) else [value]
    return any(isinstance(each, dict) for each in members)
