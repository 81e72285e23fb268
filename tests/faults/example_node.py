"""The Streaming Node of docs/examples with the camera of camera.py:

python example_node.py URL
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from camera import Camera

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "examples"))

from streaming_node import StreamingNode


async def main() -> None:
    """Stream to whoever joins the room that the URL names."""
    await StreamingNode(sys.argv[1], Camera()).run()


asyncio.run(main())
