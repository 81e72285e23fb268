"""Adds to a wheel what is made when it is built: the content of /help. The rest: pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithHelp(build_py):
    """Builds the package, and renders docs/troubleshooting.md into it."""

    def run(self) -> None:
        super().run()
        if getattr(
            self, "editable_mode", False
        ):  # a checkout renders the document itself, as it is now
            return
        sys.path.insert(0, str(ROOT))
        from signaling_server.web.help_page import help_html

        text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
        folder = Path(self.build_lib, "signaling_server/web/static/vendor")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "help.html").write_text(help_html(text), encoding="utf-8")


setup(cmdclass={"build_py": BuildWithHelp})
