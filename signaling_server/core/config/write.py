"""Writing the configuration: as YAML with a comment on each line, and the example file."""

from __future__ import annotations

import json
import re
from typing import Iterator, Mapping

from signaling_server.core.config.field_types import yaml_meaning
from signaling_server.core.config.ice_servers import IceServer
from signaling_server.core.config.load import Loaded
from signaling_server.core.config.schema import KEYS, SECTIONS, TOP, Config, value_of

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/-]*")  # needs no quotes, if YAML has no meaning for it
_COMMENT_COLUMN = 36
_EXAMPLE = """\
# Every key of hawkeye-signaling at its default, with its meaning. Nothing needs to be set.
# Copy the few keys that you change, under their sections, into a file of your own:
#   /etc/hawkeye-signaling/conf.d/local.yaml
# Check with `hawkeye-signaling check-config`, apply with `systemctl reload hawkeye-signaling`.

"""


def render(loaded: Loaded) -> str:
    """The configuration as YAML, each value with its origin; secrets are not shown."""
    return _written(loaded.config, loaded.origins)


def example() -> str:
    """The text of etc/example.yaml: every key at its default, with its meaning."""
    meanings = {dotted: member.metadata["doc"] for dotted, member in KEYS.items()}
    meanings.update({name: getattr(Config(), name).__doc__ for name in SECTIONS})
    return _EXAMPLE + _written(Config(), meanings)


def _written(config: Config, comments: Mapping[str, str]) -> str:
    """The configuration as YAML, one key a line, with the comments of dotted keys and sections."""
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
        members = {**value.payload(), **masked}.items()
        return f"{{{', '.join(f'{name}: {_text(member)}' for name, member in members)}}}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not yaml_meaning(value):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)
