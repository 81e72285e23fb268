"""A Python that runs docs/examples/gstreamer_node.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

from faults.programs import ROOT

DEBIANS_PYTHON = "/usr/bin/python3"
"""It has Debian's python3-gi."""
EXAMPLE = ROOT / "docs" / "examples" / "gstreamer_node.py"


def make_python(folder: Path) -> str:
    """The environment that the example says to make, without its `apt` line, in a new folder."""
    line = next(line for line in EXAMPLE.read_text().splitlines() if "-m venv" in line)
    make = line.replace("python3", DEBIANS_PYTHON, 1).replace(
        "packages venv ", f"packages {folder} "
    )
    make = make.replace("&& venv/bin/pip", f"&& {folder}/bin/pip")
    subprocess.run(make, shell=True, check=True, stdout=subprocess.DEVNULL)
    return str(folder / "bin" / "python")
