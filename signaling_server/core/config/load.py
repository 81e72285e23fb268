"""Reading the configuration: YAML texts and overrides, merged over the defaults and checked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, NamedTuple

from signaling_server.core.config import yaml_tree
from signaling_server.core.config.field_types import Complaints, mapping_items
from signaling_server.core.config.fleet_types import contradictions
from signaling_server.core.config.schema import (
    KEYS,
    SECTIONS,
    TOP,
    Config,
    needs_restart,
    value_of,
)
from signaling_server.core.config.yaml_tree import Node, Scalar, SourcePosition
from signaling_server.errors import ConfigError

if TYPE_CHECKING:
    from signaling_server.core.protocol.auth import Grant, Tokens

TOGETHER = (("tls.certificate", "tls.private_key"), ("turn.urls", "turn.secret_file"))
"""Pairs of keys of which both are set, or neither."""
MUST_HOLD_A_MESSAGE = ("limits.send_queue_bytes", "limits.memory_bytes")
"""Keys whose value is at least limits.message_bytes."""


class Loaded(NamedTuple):
    """A configuration, the origin of each value, and the content of the files that it names."""

    config: Config
    origins: Mapping[str, str]
    """By dotted key: "default", FILE:LINE, or the name of an override, such as "--port"."""
    tokens: Tokens | None = None
    """The content of auth.tokens_file; None: anyone may connect."""
    paired: tuple[Grant, ...] = ()
    """What the tokens of paired devices allow, where auth.tokens_file is set."""
    turn_secret: str = ""
    """The content of turn.secret_file."""
    fleet_password: str = ""
    """Of Redis: the content of fleet.password_file, or what fleet.url says."""
    fleet_secret: str = ""
    """The content of fleet.secret_file."""
    files: tuple[str, ...] = ()
    """The names of the files, in the order in which they were read."""
    nulls: frozenset[str] = frozenset()
    """The dotted keys set by the written word `null`: an empty value may be a cut one."""
    remarks: tuple[str, ...] = ()
    """What is odd about the files, though it is no mistake, such as one that is not read."""


def load(sources: Iterable[tuple[str, str]], overrides: Mapping[str, tuple[object, str]]) -> Loaded:
    """Merge files and overrides over the defaults, key by key: the last one to set a key wins.

    A list replaces a list as a whole. `sources` are (file name, YAML text); `overrides` map a
    dotted key to (value, origin), such as {"listen.port": (8081, "--port")}. Raises ConfigError
    with everything that is wrong.
    """
    sources = list(sources)
    complaints = Complaints()
    values: dict[str, dict[str, Any]] = defaultdict(dict)
    nodes: dict[str, Node] = {}
    for dotted, node in _given(sources, overrides, complaints):
        section, _, name = dotted.rpartition(".")
        values[section][name] = KEYS[dotted].metadata["type"].read(node, dotted, complaints)
        nodes[dotted] = node
    places = {dotted: node.place for dotted, node in nodes.items()}
    sections = {name: replace(getattr(Config(), name), **values[name]) for name in SECTIONS}
    config = Config(**sections, **values[""])
    _refuse_contradictions(config, places, complaints)
    if complaints.all:
        raise ConfigError(complaints.all)
    return Loaded(
        config,
        {dotted: str(places.get(dotted, "default")) for dotted in KEYS},
        files=tuple(file for file, _ in sources),
        nulls=frozenset(dotted for dotted, node in nodes.items() if _is_written_null(node)),
    )


def _is_written_null(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.quoted and node.text.lower() == "null"


def changes_needing_restart(old: Config, new: Config) -> tuple[str, ...]:
    """The dotted keys whose change a reload cannot apply."""
    return tuple(dotted for dotted in KEYS if needs_restart(dotted, old, new))


def applied_by_reload(old: Config, new: Config) -> Config:
    """`new`, but with the old value of each key whose change needs a restart."""
    for dotted in changes_needing_restart(old, new):
        name, _, member = dotted.rpartition(".")
        section = replace(getattr(new, name), **{member: value_of(old, dotted)})
        new = replace(new, **{name: section})
    return new


def _given(
    sources: Iterable[tuple[str, str]],
    overrides: Mapping[str, tuple[object, str]],
    complaints: Complaints,
) -> Iterator[tuple[str, Node]]:
    """Each known key that a source sets, dotted, with its node; the last one of a key wins."""
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
            elif not (isinstance(node, Scalar) and node.empty):  # `ice_servers:` sets nothing
                yield name, node
    for dotted, (value, origin) in overrides.items():
        place = SourcePosition(origin, 0, 0)
        yield dotted, Scalar(place, str(value), quoted=isinstance(value, str))


def _refuse_contradictions(
    config: Config, places: Mapping[str, SourcePosition], complaints: Complaints
) -> None:
    """Refuse values that are valid alone but not together; pass over those refused already."""
    for pair in TOGETHER:
        given = [dotted for dotted in pair if value_of(config, dotted)]
        if complaints.keys.isdisjoint(pair) and len(given) == 1:
            sentence = f"{' and '.join(pair)} belong together: set both or neither"
            complaints.add(places[given[0]], given[0], sentence)
    fleet = config.fleet
    if not any(key.startswith("fleet.") for key in complaints.keys):
        for name, text in contradictions(fleet.url, fleet.password_file, fleet.sentinel):
            complaints.add(places[f"fleet.{name}"], f"fleet.{name}", f"fleet.{name} {text}")
    message = "limits.message_bytes"
    for queue in (*MUST_HOLD_A_MESSAGE, *(("fleet.link_bytes",) if fleet.url else ())):
        size, least = value_of(config, queue), value_of(config, message)
        if complaints.keys.isdisjoint((queue, message)) and size < least:
            sentence = f"{queue} is {size}, but must be at least {message}, which is {least}"
            complaints.add(places.get(queue) or places[message], queue, sentence)
