"""Reading the configuration: YAML texts and overrides, merged over the defaults and checked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, NamedTuple

from signaling_server.core.config import yaml_tree
from signaling_server.core.config.field_types import Complaints, mapping_items
from signaling_server.core.config.schema import KEYS, SECTIONS, TOP, Config, value_of
from signaling_server.core.config.yaml_tree import Node, Scalar, SourcePosition
from signaling_server.errors import ConfigError

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Tokens

TOGETHER = (("tls.certificate", "tls.private_key"), ("turn.urls", "turn.secret_file"))
MUST_HOLD_A_MESSAGE = ("limits.send_queue_bytes", "limits.memory_bytes")


class Loaded(NamedTuple):
    """A configuration, and for every dotted key where its value is from.

    That is "default", FILE:LINE, or what an override calls itself, such as "--port".
    """

    config: Config
    origins: Mapping[str, str]
    tokens: Tokens | None = None
    """The content of auth.tokens_file; None: everybody may connect."""
    turn_secret: str = ""
    """The content of turn.secret_file."""


def load(sources: Iterable[tuple[str, str]], overrides: Mapping[str, tuple[object, str]]) -> Loaded:
    """Merge files and overrides over the defaults, key by key: the later wins, a list as a whole.

    `sources` are (file name, YAML text); `overrides` map a dotted key to (value, origin), such as
    {"listen.port": (8081, "--port")}. Raises ConfigError with everything that is wrong.
    """
    complaints = Complaints()
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    places: dict[str, SourcePosition] = {}
    for dotted, node in _given(sources, overrides, complaints):
        section, _, name = dotted.rpartition(".")
        values[section][name] = KEYS[dotted].metadata["type"].read(node, dotted, complaints)
        places[dotted] = node.place
    sections = {name: replace(getattr(Config(), name), **values[name]) for name in SECTIONS}
    config = Config(**sections, **values[""])
    _refuse_contradictions(config, places, complaints)
    if complaints.all:
        raise ConfigError(complaints.all)
    return Loaded(config, {dotted: str(places.get(dotted, "default")) for dotted in KEYS})


def changes_needing_restart(old: Config, new: Config) -> tuple[str, ...]:
    """The dotted keys that differ and that a reload cannot change."""
    fixed = (dotted for dotted in KEYS if dotted.startswith(("listen.", "socketio.")))
    return tuple(dotted for dotted in fixed if value_of(old, dotted) != value_of(new, dotted))


def _given(
    sources: Iterable[tuple[str, str]],
    overrides: Mapping[str, tuple[object, str]],
    complaints: Complaints,
) -> Iterator[tuple[str, Node]]:
    """Every known key that is given, dotted, with its node; the later wins."""
    for file, text in sources:
        try:
            root = yaml_tree.read(file, text)
        except ConfigError as error:
            complaints.all.extend(error.complaints)
            continue
        for name, node in mapping_items(root, "", TOP, KEYS, complaints):
            if name in SECTIONS:
                for member, setting in mapping_items(node, name, SECTIONS[name], KEYS, complaints):
                    yield f"{name}.{member}", setting
            elif not (isinstance(node, Scalar) and node.empty):  # `ice_servers:` says nothing
                yield name, node
    for dotted, (value, origin) in overrides.items():
        yield (
            dotted,
            Scalar(SourcePosition(origin, 0, 0), str(value), quoted=isinstance(value, str)),
        )


def _refuse_contradictions(
    config: Config, places: Mapping[str, SourcePosition], complaints: Complaints
) -> None:
    """Refuse values that are right alone but not together; where one is refused already, pass."""
    for pair in TOGETHER:
        given = [dotted for dotted in pair if value_of(config, dotted)]
        if complaints.keys.isdisjoint(pair) and len(given) == 1:
            sentence = f"{' and '.join(pair)} go together: set both or none"
            complaints.add(places[given[0]], given[0], sentence)
    message = "limits.message_bytes"
    for queue in MUST_HOLD_A_MESSAGE:
        values = [value_of(config, queue), value_of(config, message)]
        if complaints.keys.isdisjoint((queue, message)) and values[0] < values[1]:
            sentence = f"{queue} is {values[0]}, but must be {message}, {values[1]}, or more"
            complaints.add(places.get(queue) or places[message], queue, sentence)
