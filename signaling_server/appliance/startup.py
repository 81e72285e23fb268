"""A start with a configuration that cannot be read.

systemd starts the service again and again, and each start costs an onboard computer something. So
the process says once what is wrong, lets the port go so that clients are refused instead of left
waiting, and looks for a while whether somebody mends the files.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from typing import Callable

from signaling_server.appliance.listener import refuse_callers
from signaling_server.appliance.systemd import Notifier
from signaling_server.core.config.load import Loaded
from signaling_server.errors import ConfigError

PATIENCE_SECONDS = 10
LOOK_SECONDS = 0.5


def read_patiently(
    read: Callable[[], Loaded],
    fingerprint: Callable[[], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Loaded:
    """What `read` gives. Raises ConfigError at once without systemd, SystemExit late with it.

    `fingerprint` differs when the files differ.
    """
    give_up_at = clock() + PATIENCE_SECONDS
    with closing(Notifier()) as notifier:
        while True:
            seen = fingerprint()
            try:
                return read()
            except ConfigError as error:
                if not notifier.active:
                    raise
                _say(error, notifier)
            refuse_callers(notifier)
            while fingerprint() == seen:
                if clock() >= give_up_at:
                    raise SystemExit(os.EX_CONFIG)
                sleep(LOOK_SECONDS)


def _say(error: ConfigError, notifier: Notifier) -> None:
    notifier.status(f"not serving, configuration error: {error.complaints[0]}")
    for complaint in error.complaints:
        print(f"<3>{complaint}", file=sys.stderr, flush=True)  # sd-daemon(3): an error
