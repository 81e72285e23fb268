from __future__ import annotations

from signaling_server.core.insight.finding import ADVICE, SEVERITIES, Finding


def test_finding_is_as_bad_as_its_code_unless_it_stalls_or_says_otherwise() -> None:
    assert Finding("alone", "x").severity == "note"
    assert Finding("alone", "x", stalls=True).severity == "alarm"
    assert Finding("alone", "x", stalls=True, level="warning").severity == "warning"


def test_finding_says_what_to_do() -> None:
    assert Finding("glare", "x").advice == "Let only the Streaming Node offer."
    assert Finding("refused", "x", hint="turn it off").advice == "turn it off"


def test_all_advice_is_a_sentence_with_a_known_severity() -> None:
    for advice in ADVICE.values():
        assert advice.severity in SEVERITIES
        assert advice.text.endswith((".", "?"))
