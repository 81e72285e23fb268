"""(event, direction, payload) -> complaints, by docs/protocol.asyncapi.yaml and docs/openapi.yaml.

The published schemas are open for the fields of later versions. Here an object that does not say
`additionalProperties` is closed, so that a field that the schema does not name is noticed.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any, Mapping
from urllib.parse import unquote, urlsplit

import jsonschema
import yaml

DOCS = Path(__file__).parents[2] / "docs"
ASYNCAPI = "protocol.asyncapi.yaml"
OPENAPI = "openapi.yaml"

SENT, HEARD, ACK = "sent", "heard", "ack"
"""The directions: to the server, from the server, and the server's acknowledgement."""
MOST_SHOWN = 300

Schema = Any


@functools.lru_cache(maxsize=None)
def document(name: str) -> Any:
    """A document for machines, parsed."""
    return yaml.safe_load((DOCS / name).read_text(encoding="utf-8"))


def resolve(reference: str, home: str) -> tuple[Any, str]:
    """What a $ref in the document `home` points to, and the document in which that is.

    Raises KeyError if there is nothing.
    """
    file, _, pointer = reference.partition("#")
    name = file or home
    found = document(name)
    for part in pointer.strip("/").split("/"):
        found = found[unquote(part).replace("~1", "/").replace("~0", "~")]
    return found, name


def inlined(part: Any, home: str) -> Any:
    """A part of a document with its references replaced by what they point to."""
    if isinstance(part, list):
        return [inlined(each, home) for each in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return inlined(*resolve(part["$ref"], home))
    return {key: inlined(value, home) for key, value in part.items()}


def closed(schema: Schema) -> Schema:
    """A schema in which objects have no other fields than those it names."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: {name: closed(each) for name, each in value.items()}
        if key == "properties"
        else value
        if key in ("if", "then", "const", "enum")
        else closed(value)
        for key, value in schema.items()
    }
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


@functools.lru_cache(maxsize=None)
def _messages() -> Mapping[tuple[str, str], Schema]:
    """The closed schema of each payload, by direction and event."""
    parts = document(ASYNCAPI)["operations"].values()
    made: dict[tuple[str, str], Schema] = {}
    for operation in inlined(list(parts), ASYNCAPI):
        direction = SENT if operation["action"] == "receive" else HEARD
        groups = {direction: operation["messages"], ACK: operation.get("reply", {}).get("messages")}
        for way, messages in groups.items():
            for message in messages or ():
                made[way, message["name"]] = closed(message["payload"])
    return made


def events(direction: str) -> set[str]:
    """The events of a direction."""
    return {event for way, event in _messages() if way == direction}


def complaints(event: str, direction: str, payload: Any) -> list[str]:
    """What is wrong with a payload; `direction` is SENT, HEARD or ACK."""
    schema = _messages().get((direction, event))
    if schema is None:
        return [f"{direction} {event}: the schema names no such event"]
    return [f"{direction} {event}: {each}" for each in violations(schema, payload)]


def violations(schema: Schema, value: Any) -> list[str]:
    """What is wrong with a value, a sentence each."""
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    return [_sentence(jsonschema.exceptions.best_match([error])) for error in errors]


def _sentence(error: Any) -> str:
    return f"{error.json_path}: {error.message[:MOST_SHOWN]}"


@functools.lru_cache(maxsize=None)
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    made = closed(inlined(document(OPENAPI)["paths"], OPENAPI))
    return [
        (re.compile(re.sub(r"\\\{\w+\\\}", ".+", re.escape(path))), operations)
        for path, operations in made.items()
    ]


def http_complaints(method: str, url: str, status: int, kind: str, body: Any) -> list[str]:
    """What is wrong with an answer; `kind` is its Content-Type, `body` its parsed JSON, if it is.

    Paths that the document does not name, and methods that the server refuses, are not judged.
    """
    path = urlsplit(url).path
    found = [operations for pattern, operations in _paths() if pattern.fullmatch(path)]
    operation = found[0].get(method.lower()) if found else None
    if operation is None:
        return []
    where = f"{method} {path}: {status}"
    response = operation["responses"].get(str(status))
    if response is None:
        return [f"{where}: the document names no such status"]
    content = response.get("content", {})
    media = kind.partition(";")[0].strip().lower()
    if content and media not in content:
        return [f"{where}: the document names no {media}"]
    schema = content.get(media, {}).get("schema", True)
    return [f"{where}: {each}" for each in violations(schema, body)]
