"""Writing the configuration: as YAML with a comment on each line, and etc/example.yaml.

`make example` writes that file; a test compares it.
"""

from __future__ import annotations

import json
import re
from typing import Iterator, Mapping

from signaling_server.core.config.field_types import yaml_meaning
from signaling_server.core.config.fleet_types import RedisUrl, Sentinel
from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import KEYS, SECTIONS, TOP, Config, value_of
from signaling_server.core.protocol.naming import Rule

RESTART_MARKS = {
    False: "",
    True: " (restart)",
    "on or off": " (on or off: restart)",
    "off": " (off: restart)",
}
"""What follows the meaning or origin of a key whose change a reload cannot apply."""

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/-]*")
"""Text that needs no quotes, unless YAML has a meaning for it."""
_COMMENT_COLUMN = 36
_EXAMPLE = """\
# Every key of hawkeye-signaling with its default and its meaning. No key is required.
# Copy only the keys that you change, under their sections, into a file of your own:
#   /etc/hawkeye-signaling/conf.d/local.yaml
# Check: hawkeye-signaling check-config
# Apply: systemctl reload hawkeye-signaling (restart instead, for the keys that say so)

"""


_LEGEND = "# Each value with its origin; to change a key marked (restart), restart the server.\n"


def render(loaded: Loaded) -> str:
    """The configuration as YAML, each value with its origin. Secrets are not shown."""
    origins = {dotted: loaded.origins[dotted] + _mark(dotted) for dotted in KEYS}
    return _LEGEND + _yaml(loaded.config, origins)


def example() -> str:
    """The text of etc/example.yaml: every key at its default, with its meaning."""
    meanings = {dotted: KEYS[dotted].metadata["doc"] + _mark(dotted) for dotted in KEYS}
    meanings.update({name: getattr(Config(), name).__doc__ for name in SECTIONS})
    return _EXAMPLE + _yaml(Config(), meanings)


def _mark(dotted: str) -> str:
    return RESTART_MARKS[KEYS[dotted].metadata["restart"]]


def _yaml(config: Config, comments: Mapping[str, str]) -> str:
    """The configuration, one key a line; `comments` are those of dotted keys and of sections."""
    lines = []
    for dotted, line in _lines(config):
        comment = "".join(c if c.isprintable() else "?" for c in comments.get(dotted, ""))
        lines.append(f"{line:{_COMMENT_COLUMN}}  # {comment}\n" if comment else f"{line}\n")
    return "".join(lines)


def _lines(config: Config) -> Iterator[tuple[str, str]]:
    for name in TOP:
        if name not in SECTIONS:
            yield name, f"{name}: {_text(value_of(config, name))}"
            continue
        yield name, f"{name}:"
        for member in SECTIONS[name]:
            dotted = f"{name}.{member}"
            yield dotted, f"  {member}: {_text(value_of(config, dotted))}"


def _text(value: object) -> str:
    """A value as YAML on one line."""
    if isinstance(value, IceServer):
        masked = {"credential": "***"} if value.credential else {}
        return _mapping({**value.payload(), **masked})
    if isinstance(value, Sentinel):
        return _mapping(value.payload())
    if isinstance(value, RedisUrl):
        return _text(str(value))
    if isinstance(value, Rule):
        return _mapping({name: text for name, text in value._asdict().items() if text is not None})
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not yaml_meaning(value):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def _mapping(members: Mapping[str, object]) -> str:
    return f"{{{', '.join(f'{name}: {_text(member)}' for name, member in members.items())}}}"
