"""Both documents are well-formed: by the meta-schema of their schemas, and by their structure."""

from __future__ import annotations

from typing import Any, Iterator

import jsonschema
import pytest

from contract.schemas import ASYNCAPI, OPENAPI, document, inlined, resolve

NAMES = [ASYNCAPI, OPENAPI]
METHODS = {"get", "post", "options"}


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def keys(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        for key, value in part.items():
            yield key
            yield from keys(value)
    elif isinstance(part, list):
        for value in part:
            yield from keys(value)


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_resolves(name: str) -> None:
    found = set(references(document(name)))
    assert found
    for reference in found:
        resolve(reference, name)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_text(name: str) -> None:
    # YAML 1.1 reads a bare Off or No as a boolean.
    assert [key for key in keys(document(name)) if not isinstance(key, str)] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_valid_and_in_use(name: str) -> None:
    schemas = document(name)["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(inlined(schema, name))
    used = {*references(document(name))}
    if name == ASYNCAPI:
        used |= {each.replace(ASYNCAPI, "") for each in references(document(OPENAPI))}
    assert [each for each in schemas if f"#/components/schemas/{each}" not in used] == []


def test_asyncapi_has_the_structure_of_version_3() -> None:
    root = document(ASYNCAPI)
    assert root["asyncapi"] == "3.0.0"
    allowed = {"asyncapi", "info", "defaultContentType", "servers", "channels", "operations"}
    assert set(root) == {*allowed, "components"}
    assert {"title", "version"} <= set(root["info"])
    for server in root["servers"].values():
        assert {"host", "protocol"} <= set(server)
    channel = root["channels"]["namespace"]
    declared = {f"#/channels/namespace/messages/{name}" for name in channel["messages"]}
    used = set()
    for operation in root["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"] == {"$ref": "#/channels/namespace"}
        # An operation and its reply name messages of their channel, not of the components.
        for part in (operation, operation.get("reply", {})):
            used |= {each["$ref"] for each in part.get("messages", ())}
    assert used == declared
    for message in root["components"]["messages"].values():
        assert set(message) == {"name", "summary", "payload"}


def test_openapi_has_the_structure_of_version_3_1() -> None:
    root = document(OPENAPI)
    assert root["openapi"] == "3.1.0"
    assert set(root) == {"openapi", "info", "servers", "security", "paths", "components"}
    assert {"title", "version"} <= set(root["info"])
    schemes = root["components"]["securitySchemes"]
    assert {name for each in root["security"] for name in each} == set(schemes)
    for path, operations in inlined(root["paths"], OPENAPI).items():
        assert path.startswith("/")
        assert set(operations) - {"parameters"} <= METHODS
        placed = {each["name"] for each in operations.get("parameters", ())}
        assert all(f"{{{name}}}" in path for name in placed)
        for method in METHODS & set(operations):
            operation = operations[method]
            assert set(operation) <= {
                "summary",
                "security",
                "parameters",
                "requestBody",
                "responses",
            }
            for status, response in operation["responses"].items():
                assert 100 <= int(status) < 600
                assert response["description"]
                assert set(response) <= {"description", "content"}
                for media in response.get("content", {}).values():
                    jsonschema.Draft202012Validator.check_schema(media.get("schema", True))
