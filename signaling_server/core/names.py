"""The names of rooms and peers, as URLs, tokens, the configuration and the wire write them."""

from __future__ import annotations

import re

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
NAME_RULE = "1 to 64 characters of A-Z a-z 0-9 . _ -"
"""The same, for a person."""
