from __future__ import annotations

import pytest

from signaling_server.core.insight.roles import NODE, UNKNOWN, VIEWER, kind_of


@pytest.mark.parametrize(
    ("role", "name", "kind"),
    [
        ("streaming-node", "x", NODE),
        ("Camera", "x", NODE),
        ("gcom", "node-1", VIEWER),
        (None, "streaming-node", NODE),
        (None, "gcom-2", VIEWER),
        ("", "GCOM", VIEWER),
        ("pilot", "drone_7", NODE),
        (None, "fVxQ81nodeAAA", UNKNOWN),
        (None, "laptop", UNKNOWN),
        (None, "drone-viewer", UNKNOWN),
    ],
)
def test_role_counts_before_the_name_and_what_is_unclear_is_unknown(
    role: str | None, name: str, kind: str
) -> None:
    assert kind_of(role, name) == kind
