"""What each type of key reads, and what it says about anything else."""

from __future__ import annotations

import pytest

from signaling_server.core.config import yaml_tree
from signaling_server.core.config.field_types import (
    ENDPOINT,
    FILE,
    HOST,
    ROOM,
    TRANSPORTS,
    Complaints,
    FieldType,
    ListOf,
    ScalarOr,
    boolean,
    float_,
    integer,
    mapping_items,
    one_of,
    string,
    yaml_meaning,
)


def reading(type: FieldType, yaml: str) -> object:
    """What `type` reads, or the complaint."""
    node = yaml_tree.read("f.yaml", f"[{yaml}]")
    assert isinstance(node, yaml_tree.Sequence)
    complaints = Complaints()
    value = type.read(node.items[0] if node.items else EMPTY, "key", complaints)
    if not complaints.all:
        return value
    assert complaints.keys == {"key"}
    return "\n".join(complaint.text for complaint in complaints.all)


EMPTY = yaml_tree.Scalar(yaml_tree.SourcePosition("f.yaml", 1, 1), "", quoted=False)
PORT = "key is {}, but must be a whole number from 0 to 65535{}"


@pytest.mark.parametrize(("yaml", "value"), [("0", 0), ("8080", 8080), ("+5", 5), ("65535", 65535)])
def test_whole_numbers(yaml: str, value: int) -> None:
    read = reading(integer(0, 65535), yaml)
    assert read == value
    assert type(read) is int


@pytest.mark.parametrize(
    ("yaml", "shown", "advice"),
    [
        ("65536", "65536", ""),
        ("-1", "-1", ""),
        ("9" * 70, "9" * 60 + "...", ""),
        ("80.0", "80.0", ""),
        ("1e3", "1e3", ""),
        ('"80"', '"80"', "; remove the quotes"),
        ('"x"', '"x"', ""),
        ("x", "x", ""),
        ("", "empty", ""),
        ("~", "~", "; YAML reads it as nothing"),
        ("010", "010", "; YAML reads it as a number in base 8"),
        ("0x1F", "0x1F", "; YAML reads it as a number in base 2, 8 or 16"),
        ("12:30:45", "12:30:45", "; YAML reads it as a number in base 60"),
        ("yes", "yes", "; YAML reads it as true or false"),
        ("Off", "Off", "; YAML reads it as true or false"),
        (".nan", ".nan", "; YAML reads it as infinity or no number at all"),
        ("2024-01-01", "2024-01-01", "; YAML reads it as a date"),
        ("[1]", "a list", ""),
        ("[]", "an empty list", ""),
        ("{a: 1}", "a mapping", ""),
        ('"a\\nb\\ud800"', '"a\\nb\\ud800"', ""),
        ("a\u00adb", '"a\\u00adb"', ""),
    ],
)
def test_anything_else_is_refused_as_a_whole_number(yaml: str, shown: str, advice: str) -> None:
    assert reading(integer(0, 65535), yaml) == PORT.format(shown, advice)


def test_complaint_gives_the_reason_for_a_limit() -> None:
    limited = integer(1, 9, why="Engine.IO cuts off fractions")
    told = "key is {}, but must be a whole number from 1 to 9{}; Engine.IO cuts off fractions"
    assert reading(limited, "2.5") == told.format("2.5", "")
    assert reading(limited, "'2'") == told.format('"2"', "; remove the quotes")
    assert reading(limited, "[2]") == told.format("a list", "")


def test_complaint_names_the_only_number_allowed() -> None:
    assert reading(integer(1, 1), "2") == "key is 2, but must be 1"


@pytest.mark.parametrize(
    ("yaml", "value"), [("0.1", 0.1), ("1", 1.0), ("2.50", 2.5), ("1e1", 10.0), ("60", 60.0)]
)
def test_numbers(yaml: str, value: float) -> None:
    read = reading(float_(0.1, 60), yaml)
    assert read == value
    assert type(read) is float


@pytest.mark.parametrize(
    ("yaml", "shown", "advice"),
    [
        ("0", "0", ""),
        ("60.1", "60.1", ""),
        ("1e999", "1e999", ""),
        ("-1e999", "-1e999", ""),
        ("'1'", '"1"', "; remove the quotes"),
        ("'1s'", '"1s"', ""),
        ("1s", "1s", ""),
        ("1:30", "1:30", "; YAML reads it as a number in base 60"),
        ("010.5", "010.5", ""),
    ],
)
def test_anything_else_is_refused_as_a_number(yaml: str, shown: str, advice: str) -> None:
    told = f"key is {shown}, but must be a number from 0.1 to 60{advice}"
    assert reading(float_(0.1, 60), yaml) == told


def test_large_limits_of_numbers_are_written_out() -> None:
    assert str(reading(float_(0, 10**6), "x")).endswith("from 0 to 1000000")


@pytest.mark.parametrize(
    ("yaml", "value"),
    [("true", True), ("Yes", True), ("ON", True), ("false", False), ("no", False), ("off", False)],
)
def test_booleans(yaml: str, value: bool) -> None:
    assert reading(boolean(), yaml) is value


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        ("1", "key is 1, but must be true or false"),
        ("y", "key is y, but must be true or false; YAML reads it as true or false"),
        ("'true'", 'key is "true", but must be true or false; remove the quotes'),
    ],
)
def test_anything_else_is_refused_as_a_boolean(yaml: str, told: str) -> None:
    assert reading(boolean(), yaml) == told


def test_one_of_a_few_words() -> None:
    level = one_of("debug", "info", "error")
    assert reading(level, "info") == "info"
    assert reading(level, "'info'") == "info"
    assert reading(level, "INFO") == "key is INFO, but must be debug, info or error"
    assert reading(level, "3") == "key is 3, but must be debug, info or error"


@pytest.mark.parametrize("yaml", ["drone-1", "'drone-1'", '"42"', "'no'", "1.2.3.4", "e1", "1e"])
def test_strings(yaml: str) -> None:
    assert reading(string("a word"), yaml) == yaml.strip("'\"")


@pytest.mark.parametrize(
    ("yaml", "advice"),
    [
        ("42", "; YAML reads it as a number: put it in quotes"),
        ("1.5", "; YAML reads it as a number: put it in quotes"),
        ("1_000", "; YAML reads it as a number: put it in quotes"),
        ("010", "; YAML reads it as a number in base 8: put it in quotes"),
        ("12:30:45", "; YAML reads it as a number in base 60: put it in quotes"),
        ("no", "; YAML reads it as true or false: put it in quotes"),
        ("null", "; YAML reads it as nothing: put it in quotes"),
        ("2024-01-01", "; YAML reads it as a date: put it in quotes"),
        ("a\u2028b", ""),
    ],
)
def test_word_that_yaml_reads_otherwise_needs_quotes(yaml: str, advice: str) -> None:
    assert str(reading(string("a word"), yaml)).endswith(f", but must be a word{advice}")


@pytest.mark.parametrize("yaml", ["''", "", '"a\\nb"', '"\\0"', '"\\ud800"', "[a]"])
def test_anything_else_is_refused_as_a_string(yaml: str) -> None:
    assert str(reading(string("a word"), yaml)).endswith(", but must be a word")


def test_complaint_never_repeats_a_secret() -> None:
    told = reading(string("a word", secret=True), "31337")
    assert told == (
        "key is not shown here, but must be a word; YAML reads it as a number: put it in quotes"
    )


def test_files_may_be_null() -> None:
    assert reading(FILE, "/etc/key.pem") == "/etc/key.pem"
    assert reading(FILE, "null") is None
    assert reading(FILE, "") is None
    assert reading(FILE, "[]") == "key is an empty list, but must be the path of a file, or null"


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "a-b.example", "::ffff:1.2.3.4"]
)
def test_hosts(host: str) -> None:
    assert reading(HOST, f'"{host}"') == host


@pytest.mark.parametrize("host", ["", "[::1]", "1.2.3.4:80", "http://a", "a b", "ab:80", "a/b"])
def test_anything_else_is_refused_as_a_host(host: str) -> None:
    assert "must be an IP address or a host name" in str(reading(HOST, f'"{host}"'))


@pytest.mark.parametrize(("room", "good"), [("a", 1), ("x" * 64, 1), ("x" * 65, 0), ("a b", 0)])
def test_rooms(room: str, good: bool) -> None:
    assert (reading(ROOM, f'"{room}"') == room) is bool(good)


@pytest.mark.parametrize(
    ("path", "good"), [("/socket.io", 1), ("/a/b", 1), ("/", 0), ("a", 0), ("/a/", 0), ("/a?b", 0)]
)
def test_endpoints(path: str, good: bool) -> None:
    assert (reading(ENDPOINT, f'"{path}"') == path) is bool(good)


def test_transports() -> None:
    assert reading(TRANSPORTS, "[polling]") == ("polling",)
    assert reading(TRANSPORTS, "[websocket, polling]") == ("websocket", "polling")
    told = "key is {}, but must be a list of websocket, polling or both"
    assert reading(TRANSPORTS, "[]") == told.format("an empty list")
    assert reading(TRANSPORTS, "polling") == told.format("polling")
    assert reading(TRANSPORTS, "[polling, sms, no]") == (
        "key[1] is sms, but must be websocket or polling\n"
        "key[2] is no, but must be websocket or polling; YAML reads it as true or false"
    )


def test_scalar_or_list() -> None:
    type = ScalarOr(one_of("a", "all"), ListOf(one_of("a", "b"), "a list of a or b", least=1))
    assert reading(type, "all") == "all"
    assert reading(type, "[b]") == ("b",)
    assert reading(type, "b") == "key is b, but must be a or all"
    assert reading(type, "[]") == "key is an empty list, but must be a list of a or b"


def items_of(yaml: str) -> tuple[list[str], list[str]]:
    """The names of the known items of a mapping, and the complaints."""
    complaints = Complaints()
    node = yaml_tree.read("f.yaml", yaml)
    items = mapping_items(node, "listen", ("host", "port"), ("listen.port", "turn.ttl"), complaints)
    names = [name for name, _ in items]
    assert complaints.keys <= {"listen"}
    return names, [str(complaint) for complaint in complaints.all]


def test_items_of_a_mapping() -> None:
    assert items_of("port: 1\nhost: a") == (["port", "host"], [])


@pytest.mark.parametrize("yaml", ["", "null", "# nothing"])
def test_nothing_is_an_empty_mapping(yaml: str) -> None:
    assert items_of(yaml) == ([], [])


@pytest.mark.parametrize(("yaml", "shown"), [("[a]", "a list"), ("a", "a"), ("''", '""')])
def test_anything_else_is_refused_as_a_mapping(yaml: str, shown: str) -> None:
    told = f"f.yaml:1:1: listen is {shown}, but must be a mapping of host, port"
    assert items_of(yaml) == ([], [told])


def test_file_that_is_no_mapping_is_refused() -> None:
    complaints = Complaints()
    assert list(mapping_items(yaml_tree.read("f.yaml", "a"), "", ("host",), (), complaints)) == []
    assert complaints.all[0].text == "the file is a, but must be a mapping of host"


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("prot", "did you mean port?"),
        ("PORT", "did you mean port?"),
        ("ttl", "did you mean turn.ttl?"),
        ("colour", "known are host, port"),
        ("'12'", "known are host, port"),
    ],
)
def test_unknown_key_gets_advice(key: str, advice: str) -> None:
    shown = key.replace("'", '"')
    told = f"f.yaml:2:1: unknown key {shown}; {advice}"
    assert items_of(f"host: a\n{key}: 1") == (["host"], [told])


def test_duplicate_keys_name_the_first_line() -> None:
    names, complaints = items_of("port: 1\nhost: a\nport: 2\nport: 3")
    assert names == ["port", "host", "port", "port"]
    assert complaints == [
        "f.yaml:3:1: duplicate key port: already set in line 1",
        "f.yaml:4:1: duplicate key port: already set in line 1",
    ]


def test_key_must_be_a_word() -> None:
    assert items_of("? [a]\n: 1\nport: 2") == (
        ["port"],
        ["f.yaml:1:3: a key is a list, but must be one word"],
    )


@pytest.mark.parametrize(
    "word", ["default", "/etc/x", "a:b", "0.0.0.0", "1s", "nope", "-", "1.2.3"]
)
def test_word_that_yaml_reads_as_itself_needs_no_quotes(word: str) -> None:
    assert yaml_meaning(word) == ""
