"""The command line. Exit codes: 0 fine, 1 failure, 2 usage, 78 configuration (EX_CONFIG)."""

from __future__ import annotations

import argparse
import functools
import gc
import os
import sys
from typing import TYPE_CHECKING, Any, Sequence

from signaling_server.appliance import address_file, config_files
from signaling_server.cli import announce, new_certificate, token_commands
from signaling_server.cli.remote import RemoteServer
from signaling_server.core.config import write
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import Config
from signaling_server.errors import CertificateError, ConfigError, NoAnswerError, StartError
from signaling_server.version import VERSION

if TYPE_CHECKING:
    from argparse import _SubParsersAction  # what add_subparsers() returns; no public name

    Commands = _SubParsersAction[argparse.ArgumentParser]

EX_CONFIG = 78
LEVELS = ("debug", "info", "warning", "error")
COMMANDS = (
    *("serve", "check-config", "print-config", "status", "probe", "support"),
    *("new-token", "pair", "new-certificate", "announce"),
)
UNIT = "hawkeye-signaling.service"
FILE = config_files.DEFAULT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(_command_first(given))
    try:
        code: int = options.run(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except (StartError, NoAnswerError, CertificateError) as error:
        advice = f"; {error.advice}" if isinstance(error, StartError) and error.advice else ""
        print(f"hawkeye-signaling: {error}{advice}", file=sys.stderr)
        return 1
    return code


def _command_first(given: list[str]) -> list[str]:
    """With the command before `--config FILE`, and `serve` where there is none."""
    config, rest = [], given
    if given[:1] == ["--config"]:
        config, rest = given[:2], given[2:]
    elif given and given[0].startswith("--config="):
        config, rest = given[:1], given[1:]
    if not rest or rest[0] not in (*COMMANDS, "-h", "--help", "--version"):
        rest = ["serve", *rest]
    return [rest[0], *config, *rest[1:]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hawkeye-signaling",
        description="Relays WebRTC offers, answers and ICE candidates over Socket.IO.",
        epilog="Without a command: serve.",
    )
    parser.add_argument("--version", action="version", version=f"hawkeye-signaling {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND")
    served = _add_serve(commands)
    check = commands.add_parser("check-config", help="check the configuration; report all mistakes")
    check.set_defaults(run=_check_config)
    show = commands.add_parser(
        "print-config",
        help="print the merged configuration, each value with its origin; (restart) marks the keys "
        "that a reload does not apply",
    )
    show.set_defaults(run=_print_config)
    asked = _add_status_and_probe(commands)
    paired = token_commands.add(commands)
    new_certificate.add(commands)
    announcing = announce.add(commands)
    for command in (served, check, show, announcing, paired, *asked):
        command.add_argument(
            "--config", metavar="FILE", help=f"the configuration file; default: {FILE}"
        )
        command.add_argument(
            "--instance",
            metavar="NAME",
            default="",
            help="an instance of the service, hawkeye-signaling@NAME, and its configuration",
        )
    return parser


def _add_serve(commands: Commands) -> argparse.ArgumentParser:
    serve = commands.add_parser("serve", help="run the server (the default command)")
    serve.add_argument("--host", metavar="H", help="the address to listen on (listen.host)")
    serve.add_argument("--port", metavar="N", type=int, help="the port to listen on (listen.port)")
    serve.add_argument(
        "--log-level", metavar="L", choices=LEVELS, help=f"one of {', '.join(LEVELS)}"
    )
    serve.set_defaults(run=_serve)
    return serve


def _add_status_and_probe(commands: Commands) -> list[argparse.ArgumentParser]:
    status = commands.add_parser(
        "status", help="show the state of a running server, and why there is no video"
    )
    status.set_defaults(run=_status)
    ways = status.add_mutually_exclusive_group()
    ways.add_argument("--watch", action="store_true", help="print it again every 2 s")
    ways.add_argument(
        "--check",
        action="store_true",
        help="print only what is stalled or refused now; exit code 1 if anything is",
    )
    ways.add_argument(
        "--fleet",
        metavar="URL",
        nargs="*",
        help="print it of each host of the fleet, and of those at these URLs, which get the token "
        "too; exit code 1 if one does not answer",
    )
    probe = commands.add_parser(
        "probe", help="let two clients do a real handshake through a running server"
    )
    probe.set_defaults(run=_probe)
    probe.add_argument(
        "--fleet",
        metavar="URL",
        nargs=2,
        help="let the two clients meet over two hosts of a fleet; both get the token",
    )
    support = commands.add_parser(
        "support", help="write one file for a bug report, without secrets"
    )
    support.add_argument(
        "--output", metavar="FILE", help="where to write it; -: standard output; default: here"
    )
    support.set_defaults(run=_support)
    for command in (status, probe, support):
        command.add_argument(
            "--url", metavar="URL", help="the server; default: the one configured on this machine"
        )
        command.add_argument(
            "--token", metavar="T", help="a token; safer in HAWKEYE_TOKEN, because ps shows this"
        )
        command.add_argument("--cafile", metavar="PEM", help="the authority to trust (https)")
    for command in (status, probe):
        command.add_argument("--json", action="store_true", help="print JSON")
    return [status, probe, support]


def _load(options: argparse.Namespace) -> Loaded:
    flags = {"host": "listen.host", "port": "listen.port", "log_level": "logging.level"}
    overrides: dict[str, tuple[Any, str]] = {}
    for flag, key in flags.items():
        value = getattr(options, flag, None)
        if value is not None:
            overrides[key] = (value, "--" + flag.replace("_", "-"))
    loaded = config_files.read(options.config, overrides, options.instance)
    if loaded.config.tls.certificate:
        from signaling_server.appliance import tls  # ssl takes long to import

        tls.Certificate(loaded.config.tls)  # raises ConfigError
    return loaded


def _load_closed(options: argparse.Namespace) -> Loaded:
    """As `_load`; raises ConfigError if it opens a door by accident that the last run closed, or
    asks for a fleet without the library for it.
    """
    from signaling_server.appliance import remembered
    from signaling_server.core.config.doors import refuse_accidents

    loaded = _load(options)
    refuse_accidents(remembered.read(), loaded)
    if loaded.config.fleet.url:
        from signaling_server.fleet import library

        library.refuse_without(loaded)
    return loaded


def _serve(options: argparse.Namespace) -> int:
    gc.disable()  # the imports make no garbage to look for; process.py enables it again
    # aiohttp reads all of the system's CA certificates for its client, which is not used here.
    os.environ.setdefault("SSL_CERT_FILE", os.devnull)
    # Imported here, because the other commands do without them.
    from signaling_server import process
    from signaling_server.appliance import startup
    from signaling_server.logs import pipe as logs

    load = functools.partial(_load_closed, options)
    loaded = startup.read_patiently(load, functools.partial(_watched, options))
    pipe = logs.setup(loaded.config.logging.level, loaded.config.logging.format)
    try:
        return process.run(loaded, load, pipe)
    finally:
        pipe.close()


def _watched(options: argparse.Namespace) -> object:
    """What a start depends on: it is tried again if this changes."""
    from signaling_server.appliance import remembered

    return config_files.watched(options.config, options.instance), remembered.read()


def _check_config(options: argparse.Namespace) -> int:
    """As ExecReload= runs it, in the service's environment, it agrees with the reload."""
    from signaling_server.cli import check_command

    load = functools.partial(_load_closed, options)
    return check_command.check(load, options.config, options.instance)


def _print_config(options: argparse.Namespace) -> int:
    print(write.render(_load(options)), end="")
    return 0


def _status(options: argparse.Namespace) -> int:
    from signaling_server.cli import fleet_status, status

    if options.watch and options.json:
        print("--watch prints no JSON", file=sys.stderr)
        return 2
    server = _remote_server(options)
    if options.watch:
        return status.watch(server)
    if options.fleet is not None:
        return fleet_status.fleet_status(server, options.fleet, options.json)
    show = status.check if options.check else status.status
    return show(server, options.json)


def _probe(options: argparse.Namespace) -> int:
    from signaling_server.cli import probe_command  # aiohttp and socketio take long to import

    if options.fleet is None:
        return probe_command.run([_remote_server(options)], options.json)
    servers = []
    for url in options.fleet:
        options.url = url
        servers.append(_remote_server(options))
    return probe_command.run(servers, options.json)


def _support(options: argparse.Namespace) -> int:
    from signaling_server.cli import support

    sources = support.Sources(
        load=functools.partial(_load, options),
        settings=lambda: config_files.read_settings(options.config, {}, options.instance),
        server=functools.partial(_remote_server, options),
        unit=f"hawkeye-signaling@{options.instance}.service" if options.instance else UNIT,
    )
    return support.support(sources, options.output)


def _remote_server(options: argparse.Namespace) -> RemoteServer:
    token = (options.token or os.environ.get("HAWKEYE_TOKEN", "")).strip()
    asks_the_service = not (options.config or options.url)
    where = address_file.read(options.instance) if asks_the_service else None
    if where is not None:
        return RemoteServer(where.url, where.socketio_path, token, options.cafile)
    config = Config()
    if options.config or not options.url:
        # Without the tokens and the TURN secret: the caller may not be allowed to read these.
        config = config_files.read_settings(options.config, {}, options.instance).config
    url = options.url or _own_url(config)
    return RemoteServer(url, config.socketio.path, token, options.cafile)


def _own_url(config: Config) -> str:
    """Where the server with this configuration answers on this machine."""
    scheme = "https" if config.tls.certificate else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config.listen.host, config.listen.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{config.listen.port}"
