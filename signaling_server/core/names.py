"""The names of rooms and peers, as URLs, tokens, the configuration and the wire write them."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME_RULE = "1 to 64 characters of A-Z a-z 0-9 . _ -"
"""The same, for a person."""

INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""The name of an instance of the service: no dot, so that none is called conf.d or ".."."""
INSTANCE_RULE = "1 to 64 characters of A-Z a-z 0-9 _ -, the first a letter or a digit"
