"""What takes long to make, made by the first process that asks for it, and shared with the others.

Two processes of pytest test two machines side by side: they wait for each other here.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator

from .machine import CACHE, ROOT

BUILT_FROM = ("signaling_server", "systemd", "etc", "packaging", "docs")
"""The folders that the package is built from, beside the documents in the root."""
KEPT_SECONDS = 24 * 3600
"""What was made from another state of the source is deleted after a day."""


def made_once(name: str, key: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` has filled, for this key. What fails leaves nothing behind."""
    made = CACHE / f"{name}-{key}"
    with _locked(CACHE / f"{name}.lock"):
        if made.exists():
            os.utime(made)
            return made
        for older in CACHE.glob(f"{name}-*"):
            if time.time() - older.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(older)
        half_made = CACHE / f"{name}.{os.getpid()}"
        try:
            half_made.mkdir()
            make(half_made)
            half_made.rename(made)
        finally:
            shutil.rmtree(half_made, ignore_errors=True)
    return made


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(*files: Path) -> str:
    """Of their content, and of their paths in the checkout."""
    whole = hashlib.sha256()
    for file in sorted(files):
        whole.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def source() -> str:
    """A key for what is built from the checkout as it is now, at the date of its last commit."""
    files = [file for part in BUILT_FROM for file in (ROOT / part).rglob("*") if file.is_file()]
    files = [file for file in files if "__pycache__" not in file.parts]
    git = ("git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "log", "-1", "--format=%H")
    commit = subprocess.run(git, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return f"{commit[:12]}-{digest(*files, *ROOT.glob('*.md'))}"
