"""Where the configuration is: a file, then the files in the folder conf.d beside it, by name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Mapping, Optional, Tuple

from signaling_server.core.config import load as config
from signaling_server.core.config.load import Loaded
from signaling_server.errors import Complaint, ConfigError
from signaling_server.version import RELEASED

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Tokens

DEFAULT = "/etc/hawkeye-signaling/config.yaml"
MAX_BYTES = 1 << 20
"""Every key with its meaning takes 4 KiB: a file larger than this is some other file."""

Fingerprint = Tuple[Tuple[str, Optional[Tuple[int, ...]]], ...]
"""Of each path, what stat(2) says about its content and permissions; None: it is missing."""


def read(path: str | None, overrides: Mapping[str, tuple[object, str]]) -> Loaded:
    """The configuration as of `read_settings`, with the content of the files that it names."""
    loaded = read_settings(path, overrides)
    return loaded._replace(
        tokens=_tokens(loaded.config.auth.tokens_file),
        turn_secret=_secret(loaded.config.turn.secret_file),
    )


def read_settings(path: str | None, overrides: Mapping[str, tuple[object, str]]) -> Loaded:
    """The configuration of the file `path`, or of the default one if there is one.

    `overrides` are those of core.config.load. Raises ConfigError with all that is wrong.
    """
    main = path or DEFAULT
    complaints: list[Complaint] = []
    try:
        extras = _extras(main)
    except OSError as error:
        extras = []
        complaints.append(_complaint(_folder(main), error))
    sources = []
    for file in (main, *extras):
        try:
            sources.append((file, _text(file)))
        except OSError as error:
            if not (path is None and file == main and isinstance(error, FileNotFoundError)):
                complaints.append(_complaint(file, error))
        except ConfigError as error:
            complaints.extend(error.complaints)
    try:
        loaded = config.load(sources, overrides)
    except ConfigError as error:
        complaints.extend(error.complaints)
    if complaints:
        raise ConfigError(complaints)
    return loaded


def _tokens(file: str | None) -> Tokens | None:
    """The tokens in a file; None: anyone may connect."""
    if file is None:
        return None
    from signaling_server.core.config.token_file import parse_tokens

    try:
        return parse_tokens(file, _text(file), RELEASED)
    except OSError as error:
        raise ConfigError([_complaint(file, error)]) from None


def _secret(file: str | None) -> str:
    """The secret in a file, which is its only line."""
    if file is None:
        return ""
    try:
        secret = _text(file).strip()
    except OSError as error:
        raise ConfigError([_complaint(file, error)]) from None
    if not secret or "\n" in secret:
        raise ConfigError([Complaint(file, 1, 1, "the file must hold one line: the secret")])
    return secret


def watched(path: str | None) -> Fingerprint:
    """What `read(path)` depends on, without reading it: read again if two of these differ."""
    main = path or DEFAULT
    try:
        extras = _extras(main)
    except OSError:
        extras = []
    return tuple((file, _state(file)) for file in (main, _folder(main), *extras))


def _folder(main: str) -> str:
    return os.path.join(os.path.dirname(main), "conf.d")


def _extras(main: str) -> list[str]:
    folder = _folder(main)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    visible = [name for name in names if name.endswith(".yaml") and not name.startswith(".")]
    return [os.path.join(folder, name) for name in visible]


def _text(file: str) -> str:
    with open(file, "rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        text = f"this is larger than {MAX_BYTES} bytes: is it the right file?"
        raise ConfigError([Complaint(file, 0, 0, text)])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        text = "this is not UTF-8: save the file as UTF-8"
        raise ConfigError([Complaint(file, line, column, text)]) from None


def _state(file: str) -> tuple[int, ...] | None:
    """What stat(2) says about the content and the permissions; None if there is no such file."""
    try:
        stat = os.stat(file)
    except OSError:
        return None
    content = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return (*content, stat.st_mode, stat.st_uid, stat.st_gid)


def _complaint(file: str, error: OSError) -> Complaint:
    text = f"cannot be read: {error.strerror}"
    if isinstance(error, FileNotFoundError):
        text = "there is no such file: check the name, or whether it is a dangling symlink"
    elif isinstance(error, IsADirectoryError):
        text = "this is a directory: name a file in it, such as config.yaml"
    elif isinstance(error, PermissionError):
        text = f"user {os.geteuid()} may not read this: try chmod 640, chgrp hawkeye-signaling"
    return Complaint(file, 0, 0, text)
