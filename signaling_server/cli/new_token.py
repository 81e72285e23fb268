"""`new-token`: makes a token, and prints its line for the file of tokens or adds it there."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Sequence

from signaling_server.core.config import token_file
from signaling_server.core.config.added_token import with_token
from signaling_server.core.names import NAME
from signaling_server.core.protocol import auth
from signaling_server.errors import StartError

NEW_FILE_MODE = 0o640
"""The service reads the file as a member of its group."""
SERVICE_GROUP = "hawkeye-signaling"


def run(name: str, role: str | None, rooms: Sequence[str], file: str | None) -> int:
    """Print a new token; its line goes into `file`, or is printed too. Returns the exit code.

    Raises ConfigError and StartError, and then `file` is as before.
    """
    for option, value in (("--name", name), *(("--room", room) for room in rooms)):
        if not NAME.fullmatch(value):
            print(f"{option} must be 1 to 64 characters of A-Z a-z 0-9 . _ -", file=sys.stderr)
            return 2
    token, token_id = auth.new_token(secrets.token_bytes(auth.ID_BYTES + auth.SECRET_BYTES))
    line = token_file.file_line(token, token_id, name, role, rooms)
    if file is not None:
        _add(file, line)
    print("The token, shown this once:", token, sep="\n")
    if file is not None:
        print(f"{file} lists it; the server knows it after: systemctl reload hawkeye-signaling")
    else:
        print("The lines for auth.tokens_file (`tokens:` only once, at the top):")
        print("tokens:", line, sep="\n")
    return 0


def _add(file: str, line: str) -> None:
    """Replace the file in one step: a power cut leaves the old one or the new one, whole."""
    path = Path(os.path.realpath(file))
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        whole = with_token(file, text, line)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as new:
            try:
                new.write(whole)
                new.flush()
                _dress(new.name, path)
                os.fsync(new.fileno())
                os.replace(new.name, path)
            except BaseException:
                os.unlink(new.name)
                raise
    except UnicodeDecodeError as error:
        raise StartError(f"{file} is not UTF-8: nothing was added to it") from error
    except OSError as error:
        advice = "try again as root" if isinstance(error, PermissionError) else ""
        raise StartError(f"cannot add to {file}: {error.strerror}", advice) from error


def _dress(new: str, path: Path) -> None:
    """Owner and mode of the file that is there; of a new one, so that the service can read it."""
    if path.exists():
        there = path.stat()
        os.chown(new, there.st_uid, there.st_gid)
        os.chmod(new, there.st_mode & 0o777)
        return
    os.chmod(new, NEW_FILE_MODE)
    if os.geteuid() == 0:
        with contextlib.suppress(LookupError):  # no such group: not installed as a package
            shutil.chown(new, group=SERVICE_GROUP)
