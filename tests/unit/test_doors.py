"""Doors that must not open by accident."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

import pytest

from signaling_server.appliance import config_files
from signaling_server.core.config.doors import closed, refuse_accidents, refuse_nobody
from signaling_server.core.config.load import Loaded, load
from signaling_server.core.config.schema import Config
from signaling_server.core.protocol.auth import Grant, Tokens
from signaling_server.errors import ConfigError

BOTH = "auth: {tokens_file: /t}\ntls: {certificate: /c, private_key: /k}\n"
OFF = "auth: {tokens_file: null}\ntls: {certificate: null}\n"


def loaded(*texts: str) -> Loaded:
    """Of files named a.yaml, b.yaml, ..."""
    return load([(f"{name}.yaml", text) for name, text in zip("abc", texts)], {})


def accidents(before: Mapping[str, str], now: Loaded) -> list[str]:
    try:
        refuse_accidents(before, now)
    except ConfigError as error:
        return [str(complaint) for complaint in error.complaints]
    return []


def test_closed_doors_are_named_with_the_file_that_closes_them() -> None:
    assert closed(loaded("")) == {}
    assert closed(loaded("auth: {tokens_file: /t}", "rooms: {}")) == {"auth.tokens_file": "a.yaml"}
    assert closed(loaded("", BOTH)) == {"auth.tokens_file": "b.yaml", "tls.certificate": "b.yaml"}
    assert closed(Loaded(Config(), {})) == {}


def test_doors_that_stay_closed_or_were_never_closed_are_no_accident() -> None:
    assert accidents(closed(loaded(BOTH)), loaded("", BOTH)) == []
    assert accidents({}, loaded("")) == []
    assert accidents({"fleet.secret_file": "of a newer version"}, loaded("")) == []


@pytest.mark.parametrize(
    "text",
    ["", "auth:\ntls:\n", "auth: {tokens_file: }\ntls: {certificate: }", "auth: {tokens_file: ~}"],
)
def test_closed_doors_open_by_no_cut_file(text: str) -> None:
    tokens, tls = accidents(closed(loaded(BOTH)), loaded(text))
    assert tokens == (
        "a.yaml: this server required tokens, and auth.tokens_file is no longer set: the"
        " configuration may be cut short. Restore it; or write `auth: {tokens_file: null}` here,"
        " and restart, to do without"
    )
    assert tls.startswith("a.yaml: this server used TLS, and tls.certificate is no longer set")


@pytest.mark.parametrize("word", ["null", "Null", "NULL"])
def test_written_null_is_a_decision(word: str) -> None:
    assert accidents(closed(loaded(BOTH)), loaded(OFF.replace("null", word))) == []
    assert accidents(closed(loaded(BOTH)), loaded("", OFF)) == []
    assert accidents({"auth.tokens_file": "gone.yaml"}, loaded(OFF)) == []


def test_null_that_a_cut_file_brings_to_light_is_no_decision() -> None:
    """A file with all the defaults, under one that closes the door."""
    before = closed(loaded(OFF, BOTH))
    assert len(accidents(before, loaded(OFF, ""))) == 2
    assert accidents(before, loaded(OFF, OFF)) == []
    assert accidents(before, loaded(OFF)) == []  # the file has been removed


def test_reload_without_any_token_is_refused() -> None:
    given = loaded("auth: {tokens_file: /t}")
    refuse_nobody(given)
    refuse_nobody(given._replace(tokens=Tokens([Grant("a", "0" * 64, "node")], 0.0)))
    with pytest.raises(ConfigError, match=r"^/t: no token is listed"):
        refuse_nobody(given._replace(tokens=Tokens([], 0.0)))
    with pytest.raises(ConfigError):
        refuse_nobody(Loaded(Config(), {}, tokens=Tokens([], 0.0)))


BLOCKS = """\
version: 1
listen: {{port: 8443}}
auth:
  tokens_file: {folder}/tokens.yaml  # who may connect
tls:
  certificate: {folder}/server.crt
  private_key: "{folder}/server.key"
rooms: {{default: drone-1}}
"""
FLOW = """\
{{tls: {{private_key: {folder}/server.key, certificate: {folder}/server.crt}},
 auth: {{tokens_file: "{folder}/tokens.yaml"}}}}
"""


@pytest.mark.parametrize("text", [BLOCKS, FLOW, BLOCKS.replace("\n", "\r\n")])
@pytest.mark.parametrize("defaults", ["", "auth: {tokens_file: null}\ntls: {certificate: null}\n"])
def test_no_prefix_of_a_configuration_opens_a_door(
    tmp_path: Path, text: str, defaults: str
) -> None:
    (tmp_path / "config.yaml").write_text(defaults)
    (tmp_path / "conf.d").mkdir()
    file = tmp_path / "conf.d" / "closed.yaml"
    whole = text.format(folder=tmp_path).encode()
    (tmp_path / "tokens.yaml").write_text(f'tokens: [{{id: a, sha256: "{"0" * 64}", name: a}}]')
    file.write_bytes(whole)
    before = closed(config_files.read(str(tmp_path / "config.yaml"), {}))
    assert set(before) == {"auth.tokens_file", "tls.certificate"}
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        try:
            now = config_files.read(str(tmp_path / "config.yaml"), {})
            refuse_accidents(before, now)
        except ConfigError:
            continue
        assert set(closed(now)) == set(before)
        assert now.tokens
