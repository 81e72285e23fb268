"""Tokens and certificates for tests, made the way an operator makes them."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Sequence

from signaling_server.core.config.token_file import file_line
from signaling_server.core.protocol import auth


def new_token(name: str, *rooms: str) -> tuple[str, str]:
    """A token and its line for the tokens file, as from `hawkeye-signaling new-token`."""
    token, token_id = auth.new_token(secrets.token_bytes(auth.ID_BYTES + auth.SECRET_BYTES))
    return token, file_line(token, token_id, name, None, rooms)


def write_tokens(folder: Path, lines: Sequence[str]) -> str:
    """Write the tokens file; returns its path."""
    file = folder / "tokens.yaml"
    file.write_text("\n".join(["tokens:", *lines, ""]))
    file.chmod(0o640)
    return str(file)


def make_ca(folder: Path) -> Path:
    """Make a private CA, as docs/operations.md does; returns its certificate."""
    _openssl(folder, "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
             "-keyout ca.key -out ca.crt -days 3650", "-subj", "/CN=Ground station CA",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    return folder / "ca.crt"


def make_certificate(folder: Path, name: str, days: int = 800) -> tuple[str, str]:
    """Make that CA sign a certificate for this machine; returns its file and its key's file."""
    _openssl(folder, f"req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
             f"-keyout {name}.key -out {name}.csr", "-subj", f"/CN={name}")  # fmt: skip
    (folder / "names").write_text(
        "subjectAltName=DNS:localhost,IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n"
    )
    _openssl(folder, f"x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
             f"-out {name}.crt -days {days} -extfile names")  # fmt: skip
    return str(folder / f"{name}.crt"), str(folder / f"{name}.key")


def _openssl(folder: Path, words: str, *arguments: str) -> None:
    command = ["openssl", *words.split(), *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=30)
