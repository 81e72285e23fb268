"""The commands `new-token` and `pair`: what they take."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # what add_subparsers() returns; no public name

    Commands = _SubParsersAction[argparse.ArgumentParser]


def add(commands: Commands) -> argparse.ArgumentParser:
    """Add both to the parser; returns `pair`, which reads the configuration."""
    _add_new_token(commands)
    return _add_pair(commands)


def _add_new_token(commands: Commands) -> None:
    token = commands.add_parser("new-token", help="make a token for auth.tokens_file")
    token.add_argument("--name", metavar="N", required=True, help="the name that the token binds")
    token.add_argument("--role", metavar="R", help="a label, such as streaming-node")
    token.add_argument(
        "--room",
        metavar="X",
        action="append",
        default=[],
        help="a room that the token is for; repeat it for more; default: every room",
    )
    token.add_argument("--add", metavar="FILE", help="add its line to this file of tokens")
    token.set_defaults(run=_new_token)


def _add_pair(commands: Commands) -> argparse.ArgumentParser:
    pair = commands.add_parser(
        "pair", help="make a link that gives one device a token, good once, for five minutes"
    )
    pair.add_argument("--name", metavar="N", required=True, help="the name that the token binds")
    pair.add_argument("--room", metavar="X", help="the room that it is for; default: every room")
    pair.add_argument(
        "--url",
        metavar="URL",
        help="where the device reaches the server; default: the addresses of this machine",
    )
    pair.set_defaults(run=_pair)
    return pair


def _new_token(options: argparse.Namespace) -> int:
    from signaling_server.cli import new_token

    return new_token.run(options.name, options.role, options.room, options.add)


def _pair(options: argparse.Namespace) -> int:
    from signaling_server.appliance import config_files
    from signaling_server.cli import pair

    config = config_files.read_settings(options.config, {}, options.instance).config
    return pair.run(config, options.instance, options.name, options.room, options.url)
