"""gstreamer_node.py, but SIGUSR1 stalls the branch of one viewer, as a payloader or an element of
its transport may do: stalled_branch.py VIEWER URL [OPTION ...]
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

import gstreamer_node
from command_line import add_server_options
from gi.repository import Gst
from gstreamer_profiles import add_profile_options

VIEWER = sys.argv[1]


class Stallable(gstreamer_node.Node):
    """A node whose branch to VIEWER can be stalled."""

    async def run(self):
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.stall)
        await super().run()

    def stall(self):
        """Block the pad before the payloader: what comes there waits, and nothing passes."""
        pad = self.branches[VIEWER].bin.get_by_name("pay").get_static_pad("sink")
        pad.add_probe(Gst.PadProbeType.BLOCK_DOWNSTREAM, lambda *_: Gst.PadProbeReturn.OK)
        print(f"{VIEWER}: stalled", flush=True)


gstreamer_node.Node = Stallable
parser = argparse.ArgumentParser()
add_server_options(parser)
add_profile_options(parser)
Gst.init(None)
asyncio.run(gstreamer_node.main(parser.parse_args(sys.argv[2:])))
