"""A rule that is said never to match gives nobody a name, whoever comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling_server.core.protocol.naming import NamingRules, Rule, complaints

addresses = st.sampled_from(["10.0.0.1", "10.9.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"])
networks = addresses | st.sampled_from(["10.0.0.0/8", "10.0.0.0/24", "0.0.0.0/0", "fc00::/7"])
patterns = st.text("ab*?", min_size=1, max_size=6) | st.sampled_from(["[ab]*", "*", "a[!b]"])
agents = st.text("ab", max_size=6)
rules = st.lists(
    st.builds(
        lambda address, agent: Rule("x", address=address, user_agent=agent),
        st.none() | networks,
        st.none() | patterns,
    ),
    max_size=5,
)


@given(rules, st.lists(st.tuples(addresses, st.none() | agents), min_size=1, max_size=20))
def test_rule_that_never_matches_never_does(
    found: list[Rule], clients: list[tuple[str, str | None]]
) -> None:
    bad = {one.rule for one in complaints(found) if one.key == ""}
    numbered = [rule._replace(room=str(number)) for number, rule in enumerate(found)]
    naming = NamingRules(numbered)
    for address, agent in clients:
        rule = naming.find(address, None, agent)
        assert rule is None or int(rule.room or "") not in bad
