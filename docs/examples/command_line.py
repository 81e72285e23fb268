# SPDX-License-Identifier: MIT
"""The options by which the examples find their server and say who they are."""

from __future__ import annotations

import argparse
import os
import sys

from signaling import Signaling


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """The server's URL, or several, and who this program is there."""
    parser.add_argument("url", nargs="*", help="a server; of several, the first that answers")
    parser.add_argument(
        "--discover",
        nargs="?",
        const="",
        metavar="QUERY",
        help="the server in this network (requires zeroconf), with this query",
    )
    parser.add_argument("--name", help="the peer's name, kept across restarts")
    parser.add_argument("--room")
    parser.add_argument("--role")
    parser.add_argument(
        "--token", default=os.environ.get("HAWKEYE_TOKEN"), help="default: $HAWKEYE_TOKEN"
    )


def signaling_of(options: argparse.Namespace) -> Signaling:
    """The connection that the options describe."""
    urls = list(options.url)
    if options.discover is not None:
        import discover  # requires zeroconf

        urls = [discover.server_url(options.discover)]
    if not urls:
        sys.exit("name the URL of a server, or --discover")
    return Signaling(
        *urls, name=options.name, room=options.room, role=options.role, token=options.token
    )
