"""A start with a configuration that cannot be used.

systemd starts the service again whenever it exits (Restart=always, without a start limit), but each
start costs an onboard computer CPU time, and the stored listening socket lets clients connect to a
server that never answers. So the process reports the mistakes once, releases the socket so that
clients are refused at once, and waits for a while for the files to be corrected before it exits
with EX_CONFIG. A correction within that time is noticed within LOOK_SECONDS.

In a terminal, without systemd, it exits at once: the person who can correct the file is there.
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
"""How long the process waits for the files to change."""
LOOK_SECONDS = 0.5
"""The interval between two looks at them."""


def read_patiently(
    read: Callable[[], Loaded],
    fingerprint: Callable[[], object],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Loaded:
    """What `read` returns, tried again whenever `fingerprint` says that the files have changed.

    Raises ConfigError at once without systemd, and SystemExit after PATIENCE_SECONDS with it.
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
                _report(error, notifier)
            refuse_callers(notifier)
            while fingerprint() == seen:
                if clock() >= give_up_at:
                    raise SystemExit(os.EX_CONFIG)
                sleep(LOOK_SECONDS)


def _report(error: ConfigError, notifier: Notifier) -> None:
    notifier.status(f"not serving, configuration error: {error.complaints[0]}")
    for complaint in error.complaints:
        print(f"<3>{complaint}", file=sys.stderr, flush=True)  # sd-daemon(3): an error
