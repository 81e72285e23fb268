from __future__ import annotations

import pytest

from signaling_server.core.protocol.json_text import MOST_FROM, shape, without_from


@pytest.mark.parametrize(
    ("text", "containers", "values", "depth"),
    [
        ("1", 0, 1, 0),
        ("{}", 1, 2, 1),
        ('{"a":[],"b":[{}]}', 4, 6, 3),
        ('{"[":"]{","\\"[":"\\\\","{":[]}', 2, 5, 2),
        ('["","[",["]"],"[]","\\\\\\"["]', 2, 7, 2),
        ("[[[[[]]]]]", 5, 6, 5),
        ("[" * 64 + "]" * 64, 64, 65, 64),
        ("[" + ",".join(["[" * 60 + "]" * 60] * 100) + "]", 6001, 6101, 61),
        ("[[[],[[]]],[[[[],[]]]]]", 10, 14, 5),
        ('"\ud800[é"', 0, 1, 0),
    ],
)
def test_shape_counts_containers_values_and_levels(
    text: str, containers: int, values: int, depth: int
) -> None:
    found = shape(text)
    assert (found.containers, found.values, found.depth) == (containers, values, depth)


@pytest.mark.parametrize("text", ["", '"[', "[[[", "]]", "\x00[\x01\xff", "}{" * 50])
def test_shape_of_what_is_no_json_raises_nothing(text: str) -> None:
    assert shape(text).depth >= 0


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"a":1}', '{"a":1'),
        ('{"from":1,"a":2}', '{"a":2'),
        ('{"a":2,"from":1}', '{"a":2'),
        ('{"a":2 , "from" : [1, {"from":2}] } ', '{"a":2 '),
        ('{"a":{"from":1},"from":{"from":[{"from":3}]},"b":"from"}', '{"a":{"from":1},"b":"from"'),
        ('{"from":1,"fr\\u006fm":2,"a":",","\\u0066rom":3,"from":4}', '{"a":","'),
        ('{"\\"from":1,"x\\\\":{"from":2},"from":"]"}', '{"\\"from":1,"x\\\\":{"from":2}'),
        ('{"a":"\\"from\\":1","from":"x"}', '{"a":"\\"from\\":1"'),
        ('{"from":"\ud800","é":"\\ud800"}', '{"é":"\\ud800"'),
    ],
)
def test_own_from_is_cut_out_and_all_else_is_as_it_was(text: str, body: str) -> None:
    assert without_from(text) == body


def test_more_of_them_than_anybody_needs_are_refused() -> None:
    assert without_from('{"a":1' + ',"from":1' * MOST_FROM + "}") == '{"a":1'
    with pytest.raises(ValueError, match="17 times"):
        without_from('{"a":1' + ',"from":1' * (MOST_FROM + 1) + "}")
    inner = ",".join(['{"from":1}'] * 100)
    assert without_from(f'{{"a":[{inner}],"from":1}}') == f'{{"a":[{inner}]'
