"""The server with two faults on demand: SIGUSR1 hangs its loop, SIGUSR2 stops it accepting.

Its arguments are those of `serve`.
"""

import asyncio
import signal
import sys
import time

sys.path.insert(0, "/usr/share/hawkeye-signaling")

from signaling_server.appliance.door import Door
from signaling_server.cli import main as cli


def hang_for_good():
    time.sleep(10_000)


class FaultyDoor(Door):
    def open(self, listener, expects):
        super().open(listener, expects)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, hang_for_good)
        loop.add_signal_handler(signal.SIGUSR2, loop.remove_reader, listener)


sys.modules["signaling_server.appliance.door"].Door = FaultyDoor
sys.exit(cli.main(["serve", *sys.argv[1:]]))
