"""Where the configuration is: a file, then the files in the folder conf.d beside it, by name.

An instance of the service has both in a folder of its own, /etc/hawkeye-signaling/INSTANCE.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Mapping, Optional, Tuple

from signaling_server.appliance import file_text
from signaling_server.core.config import load as config
from signaling_server.core.config.fleet_types import remarks as fleet_remarks
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.strays import empty, is_read, stray
from signaling_server.core.names import INSTANCE, INSTANCE_RULE
from signaling_server.errors import Complaint, ConfigError
from signaling_server.version import RELEASED

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant, Tokens

DEFAULT = "/etc/hawkeye-signaling/config.yaml"
NOBODY = "no tokens: nobody can connect"

Fingerprint = Tuple[Tuple[str, Optional[Tuple[int, ...]]], ...]
"""Of each path, what stat(2) says about its content and permissions; None: it is missing."""


def read(
    path: str | None, overrides: Mapping[str, tuple[object, str]], instance: str = ""
) -> Loaded:
    """The configuration as of `read_settings`, with the content of the files that it names."""
    loaded = read_settings(path, overrides, instance)
    tokens_file = loaded.config.auth.tokens_file
    tokens = _tokens(tokens_file)
    remarks = loaded.remarks
    if tokens is not None and not len(tokens):
        remarks += (f"{tokens_file}: {NOBODY}",)
    fleet = loaded.config.fleet
    remarks += fleet_remarks(fleet.url, fleet.sentinel, fleet.secret_file)
    return loaded._replace(
        tokens=tokens,
        paired=_paired() if tokens is not None else (),
        turn_secret=_secret(loaded.config.turn.secret_file),
        fleet_password=_secret(fleet.password_file) or (fleet.url.password if fleet.url else ""),
        fleet_secret=_secret(fleet.secret_file),
        remarks=remarks,
    )


def read_settings(
    path: str | None, overrides: Mapping[str, tuple[object, str]], instance: str = ""
) -> Loaded:
    """The configuration of the file `path`, or of the instance's or the default one if it exists.

    `overrides` are those of core.config.load. Raises ConfigError with all that is wrong.
    """
    main = main_file(path, instance)
    complaints: list[Complaint] = []
    if instance and path is None and not os.path.isdir(os.path.dirname(main)):
        advice = "there is no such folder: make it, with a config.yaml that sets listen.port"
        raise ConfigError([Complaint(os.path.dirname(main), 0, 0, advice)])
    try:
        extras = _extras(main)
    except OSError as error:
        extras = []
        complaints.append(file_text.complaint(_folder(main), error))
    sources = []
    for file in (main, *extras):
        if path is None and file == main and _is_missing(main):
            continue
        try:
            sources.append((file, file_text.text(file)))
        except ConfigError as error:
            complaints.extend(error.complaints)
    try:
        loaded = config.load(sources, overrides)
    except ConfigError as error:
        complaints.extend(error.complaints)
    if complaints:
        raise ConfigError(complaints)
    blank = {file: empty(text) for file, text in sources if file in extras}
    masked = [file for file in blank if os.path.realpath(file) == os.devnull]
    remarks = [f"{file} {text}" for file, text in blank.items() if text and file not in masked]
    return loaded._replace(remarks=(*_strays(main), *remarks))


def main_file(path: str | None, instance: str = "") -> str:
    """The file that is read first. Raises ConfigError if that is no name of an instance."""
    if path is not None or not instance:
        return path or DEFAULT
    if not INSTANCE.fullmatch(instance):
        name = f"hawkeye-signaling@{instance}"
        raise ConfigError([Complaint(name, 0, 0, f"the name must be {INSTANCE_RULE}")])
    folder, name = os.path.split(DEFAULT)
    return os.path.join(folder, instance, name)


def _is_missing(file: str) -> bool:
    try:
        os.stat(file)
    except OSError as error:
        return isinstance(error, FileNotFoundError)
    return False


def _tokens(file: str | None) -> Tokens | None:
    """The tokens in a file; None: anyone may connect."""
    if file is None:
        return None
    from signaling_server.core.config.token_file import parse_tokens

    return parse_tokens(file, file_text.text(file), RELEASED)


def _paired() -> tuple[Grant, ...]:
    from signaling_server.appliance import paired_tokens

    return paired_tokens.read()


def _secret(file: str | None) -> str:
    """The secret in a file, which is its only line."""
    if file is None:
        return ""
    secret = file_text.text(file).strip()
    if not secret or "\n" in secret:
        raise ConfigError([Complaint(file, 1, 1, "the file must hold one line: the secret")])
    return secret


def watched(path: str | None, instance: str = "") -> Fingerprint:
    """What `read(path)` depends on, without reading it: read again if two of these differ."""
    try:
        main = main_file(path, instance)
    except ConfigError:
        return ()  # no file can make a name valid
    try:
        extras = _extras(main)
    except OSError:
        extras = []
    return tuple((file, _state(file)) for file in (main, _folder(main), *extras))


def _folder(main: str) -> str:
    return os.path.join(os.path.dirname(main), "conf.d")


def _extras(main: str) -> list[str]:
    return [os.path.join(_folder(main), name) for name in _names(main) if is_read(name)]


def _strays(main: str) -> list[str]:
    """A remark about each file in conf.d that is not read."""
    remarks = ((name, stray(name)) for name in _names(main))
    return [f"{os.path.join(_folder(main), name)} {text}" for name, text in remarks if text]


def _names(main: str) -> list[str]:
    try:
        return sorted(os.listdir(_folder(main)))
    except FileNotFoundError:
        return []


def _state(file: str) -> tuple[int, ...] | None:
    """What stat(2) says about the content and the permissions; None if there is no such file."""
    try:
        stat = os.stat(file)
    except OSError:
        return None
    content = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return (*content, stat.st_mode, stat.st_uid, stat.st_gid)
