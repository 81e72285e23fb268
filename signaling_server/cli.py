"""The command line. Exit codes: 0 fine, 1 failure, 2 usage, 78 configuration (EX_CONFIG)."""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any, Sequence

from signaling_server import config_files
from signaling_server.core import config
from signaling_server.errors import ConfigError, StartError
from signaling_server.version import VERSION

EX_CONFIG = 78
LEVELS = ("debug", "info", "warning", "error")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    commands = ("serve", "check-config", "print-config")
    if not given or (given[0] not in commands and given[0] not in ("-h", "--help", "--version")):
        given.insert(0, "serve")
    options = _parser().parse_args(given)
    try:
        code: int = options.run(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except StartError as error:
        print(f"hawkeye-signaling: {error}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hawkeye-signaling",
        description="Relays WebRTC offers, answers and ICE candidates over Socket.IO.",
        epilog="Without a command: serve.",
    )
    parser.add_argument("--version", action="version", version=f"hawkeye-signaling {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the server (the default)")
    serve.add_argument("--host", metavar="H", help="address to listen on (listen.host)")
    serve.add_argument("--port", metavar="N", type=int, help="port to listen on (listen.port)")
    serve.add_argument(
        "--log-level", metavar="L", choices=LEVELS, help=f"one of {', '.join(LEVELS)}"
    )
    serve.set_defaults(run=_serve)
    check = commands.add_parser(
        "check-config", help="check the configuration and say what is wrong"
    )
    check.set_defaults(run=_check_config)
    show = commands.add_parser(
        "print-config", help="print the merged configuration and its origins"
    )
    show.set_defaults(run=_print_config)
    for command in (serve, check, show):
        command.add_argument("--config", metavar="FILE", help="instead of /etc/hawkeye-signaling")
    return parser


def _load(options: argparse.Namespace) -> config.Loaded:
    flags = {"host": "listen.host", "port": "listen.port", "log_level": "logging.level"}
    overrides: dict[str, tuple[Any, str]] = {}
    for flag, key in flags.items():
        value = getattr(options, flag, None)
        if value is not None:
            overrides[key] = (value, "--" + flag.replace("_", "-"))
    return config_files.read(options.config, overrides)


def _serve(options: argparse.Namespace) -> int:
    from signaling_server import app, logs, startup  # what the other commands do without

    load = functools.partial(_load, options)
    settings = startup.read_patiently(
        load, functools.partial(config_files.watched, options.config)
    ).config
    pipe = logs.setup(settings.logging.level, settings.logging.format)
    try:
        return app.run(settings, load, pipe)
    finally:
        pipe.close()


def _check_config(options: argparse.Namespace) -> int:
    _load(options)
    print("the configuration is fine")
    return 0


def _print_config(options: argparse.Namespace) -> int:
    print(config.render(_load(options)), end="")
    return 0
