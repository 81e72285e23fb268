"""The version, stated once: pyproject.toml, the .deb, /healthz and `--version` read it here."""

VERSION = "0.1.0"

RELEASED = 1_793_491_200.0
"""2026-11-01, in seconds since 1970. A clock that is earlier has not been set."""
