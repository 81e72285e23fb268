"""YAML text to a tree with positions."""

from __future__ import annotations

import pytest

from signaling_server.core.config.yaml_tree import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    SourcePosition,
    read,
)
from signaling_server.errors import ConfigError


def complaint_about(text: str) -> str:
    with pytest.raises(ConfigError) as error:
        read("f.yaml", text)
    assert len(error.value.complaints) == 1
    return str(error.value)


def at(line: int, column: int, text: str, quoted: bool = False) -> Scalar:
    return Scalar(SourcePosition("f.yaml", line, column), text, quoted)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "\ufeff"])
def test_empty_text_has_no_tree(text: str) -> None:
    assert read("f.yaml", text) is None


def test_every_value_has_its_position_and_stays_as_written() -> None:
    text = "listen:\n  port: 010\n  hosts: [no, 'no', \"\\x41\"]\nempty:\n"
    assert read("f.yaml", text) == Mapping(
        SourcePosition("f.yaml", 1, 1),
        [
            (
                at(1, 1, "listen"),
                Mapping(
                    SourcePosition("f.yaml", 2, 3),
                    [
                        (at(2, 3, "port"), at(2, 9, "010")),
                        (
                            at(3, 3, "hosts"),
                            Sequence(
                                SourcePosition("f.yaml", 3, 10),
                                [at(3, 11, "no"), at(3, 15, "no", True), at(3, 21, "A", True)],
                            ),
                        ),
                    ],
                ),
            ),
            (at(4, 1, "empty"), at(4, 7, "")),
        ],
    )


def test_duplicate_keys_are_both_in_the_tree() -> None:
    tree = read("f.yaml", "a: 1\na: 2\n")
    assert isinstance(tree, Mapping)
    assert tree.pairs == [(at(1, 1, "a"), at(1, 4, "1")), (at(2, 1, "a"), at(2, 4, "2"))]


@pytest.mark.parametrize(
    ("node", "empty"),
    [
        (at(1, 1, ""), True),
        (at(1, 1, "~"), True),
        (at(1, 1, "null"), True),
        (at(1, 1, "", quoted=True), False),
        (at(1, 1, "null", quoted=True), False),
        (at(1, 1, "none"), False),
    ],
)
def test_null_and_nothing_count_as_empty(node: Scalar, empty: bool) -> None:
    assert node.empty is empty


def test_position_names_a_line_of_a_file_or_an_option() -> None:
    assert str(SourcePosition("f.yaml", 3, 5)) == "f.yaml:3"
    assert str(SourcePosition("--port", 0, 0)) == "--port"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a:\n\tb: 1", "2:1: a tab: YAML is indented with spaces only"),
        ("a: *", '1:5: a * starts an alias in YAML: for the character itself write "*"'),
        (
            "host: ::",
            "1:8: a colon is not allowed here: "
            "check the indentation, quote a value that has a colon",
        ),
        ("a: &x 1\nb: *x", "2:4: aliases (*name) are not supported: write the value out"),
        ("&a [*a]", "1:5: aliases (*name) are not supported: write the value out"),
        (
            "a: !!python/name:os.system",
            "1:4: tags (!name) are not supported: write the plain value",
        ),
        ("a: !!str 1", "1:4: tags (!name) are not supported: write the plain value"),
        ("a: 1\n---\nb: 2", "2:1: a second document starts here (---): a file may hold only one"),
        ("a: [\n", "2:1: not YAML while parsing a flow node: expected the node content, but found"),
        ("%YAML 2.0\n--- a", "1:1: not YAML: found incompatible YAML document"),
        ('a: "\\UFFFFFFFF"', "1:7: not YAML: there is no such character"),
        ("a: 1\nb: \0", "2:4: the character 0x0 is not allowed in YAML"),
        ("\ud800", "1:1: the character 0xd800 is not allowed in YAML"),
        ("[" * 9, "1:9: nested more than 8 levels deep: no setting is"),
        ("{a: " * 9, "1:30: nested more than 8 levels deep"),
        ("[" * 100_000, "1:9: nested more than 8 levels deep"),
    ],
)
def test_invalid_or_unsupported_yaml_is_refused(text: str, complaint: str) -> None:
    assert complaint_about(text).startswith(f"f.yaml:{complaint}")


def test_eight_levels_are_read() -> None:
    tree: Node | None = read("f.yaml", "[" * 8 + "]" * 8)
    depth = 0
    while isinstance(tree, Sequence):
        tree = tree.items[0] if tree.items else None
        depth += 1
    assert depth == 8


def test_anchor_without_an_alias_is_harmless() -> None:
    assert read("f.yaml", "&a x") == at(1, 1, "x")
