"""The programs that the tests run as Redis: redis-server, and valkey-server where it is installed.

`--redis-server PROGRAM` names others, such as that of Debian 13, which valkey.sh fetches.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Sequence

KNOWN = "redis-server", "valkey-server"
ON_EACH = ("test_access", "test_failures", "test_redis_engine", "test_scripts", "test_sentinels")
"""The modules whose tests run on each of them: there they may differ. All others: on the first."""


def chosen(named: Sequence[str]) -> list[str]:
    """The programs that were named, or else those of KNOWN that are installed."""
    return list(named) or [found for found in map(shutil.which, KNOWN) if found]


def title(program: str) -> str:
    """The program with its version, such as `Redis server 7.0.15 (/usr/bin/redis-server)`."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"(\w+ server) v=(\S+)", told)
    assert found, told
    return f"{found[1]} {found[2]} ({program})"


def not_there(programs: Sequence[str]) -> list[str]:
    """Those of KNOWN that are not among these programs."""
    return [name for name in KNOWN if name not in [Path(program).name for program in programs]]
