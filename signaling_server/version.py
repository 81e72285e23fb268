"""The version, stated once: pyproject.toml, the .deb, /healthz and `--version` all read it."""

VERSION = "0.1.0"
