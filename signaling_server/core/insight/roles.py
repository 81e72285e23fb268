"""Who of two peers offers, as far as their roles and names tell.

A role is a label, and many clients have none. What cannot be known is said to be so.
"""

from __future__ import annotations

import re

NODE, VIEWER, UNKNOWN = "node", "viewer", ""

_NODES = {"node", "streamer", "drone", "camera", "cam", "uav", "publisher", "sender", "broadcaster"}
_VIEWERS = {"gcom", "gcs", "viewer", "ground", "browser", "operator", "receiver", "player"}
_WORD = re.compile(r"[a-z]+")


def kind_of(role: str | None, peer_id: str) -> str:
    """NODE (it offers), VIEWER (it answers) or UNKNOWN, by its role, or else by its name."""
    return _by_words(role or "") or _by_words(peer_id)


def _by_words(text: str) -> str:
    words = {*_WORD.findall(text.lower())}
    node, viewer = bool(words & _NODES), bool(words & _VIEWERS)
    if node == viewer:
        return UNKNOWN
    return NODE if node else VIEWER
