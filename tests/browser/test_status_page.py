"""The status page for many rooms, the history of a room, addresses, tokens, help: in Chromium."""

from __future__ import annotations

import copy
import json
import re
import time
from pathlib import Path
from typing import Any, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser.test_pages import (
    CONNECTED,
    FAR,
    LOADED,
    SIZES,
    UNANSWERED,
    Visit,
    all_violations,
    fetch,
    guarded,
    joins,
    play,
)
from integration.server import ROOT, ServerProcess
from outside.proxies import Nginx
from signaling_server.core.reporting import status_text

Status = Any
"""The body of /api/status."""

HEADLINE = {
    "text": "gcom was sent an offer 12 s ago and has not answered it.",
    "advice": "Open the log of gcom.",
    "severity": "alarm",
    "room": "drone-042",
    "code": "no-answer",
}


def status_of(url: str) -> Status:
    return json.loads(fetch(f"{url}/api/status")[2])


def show(visit: Visit, url: str, status: Status, **options: Any) -> Page:
    """The status page, as it shows this status."""
    page = visit.open("about:blank", **options)
    page.route("**/api/status", lambda route: route.fulfill(json=status))
    page.goto(url)
    expect(page.locator("#status")).to_be_visible()
    return page


@pytest.fixture(scope="module")
def kinds(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, Status]]:
    """A server that listens on all addresses, and its status with three kinds of rooms."""
    folder = tmp_path_factory.mktemp("kinds")
    with ServerProcess(folder, {"listen": {"host": "0.0.0.0", "names": [FAR]}}) as server:
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")
        visit = Visit(browser)
        scenes = {"good": CONNECTED, "bad": UNANSWERED, "alone": joins("gcom")}
        play(visit, server, scenes)
        yield server, status_of(server.url)
        visit.close()


def finding_of(headline: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The finding that a headline is about."""
    return {**{key: value for key, value in headline.items() if key != "room"}, **more}


def many(status: Status, bad: tuple[int, ...], count: int) -> Status:
    """The status with so many rooms, those with these numbers in trouble."""
    of = {room["room"]: room for room in status["rooms"]}
    finding = finding_of(HEADLINE, peers=["gcom"], side="gcom")
    made = {**copy.deepcopy(status), "rooms": [], "headline": HEADLINE}
    for number in range(1, count + 1):
        room = copy.deepcopy(of["bad" if number in bad else "good"])
        room["room"] = f"drone-{number:03}"
        room["diagnosis"] = [finding] if number in bad else []
        made["rooms"].append(room)
    return made


@pytest.mark.parametrize("count", [1, 10, 100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_matters_of_many_rooms_is_seen_without_scrolling(
    visit: Visit, kinds: tuple[ServerProcess, Status], count: int, scheme: Any
) -> None:
    server, status = kinds
    bad = (42, 77) if count == 100 else (1,)
    made = many(status, bad, count)
    made["headline"] = {**HEADLINE, "room": f"drone-{bad[0]:03}"}
    page = show(visit, server.url, made, viewport=SIZES["phone"], color_scheme=scheme)
    expect(page.get_by_role("heading", level=1)).to_contain_text("has not answered it.")
    for seen in (
        page.get_by_text("Open the log of gcom.").first,
        page.get_by_role("link", name=f"Room drone-{bad[0]:03}"),
        page.locator("#rooms article").first,
    ):
        expect(seen).to_be_visible()
        top = seen.evaluate("e => e.getBoundingClientRect().top")
        assert top < SIZES["phone"]["height"] - 60, seen
    first = page.locator("#rooms article")
    expect(first.first).to_have_attribute("aria-label", f"drone-{bad[0]:03}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('#rooms').offsetHeight") < 2000
    assert all_violations(page) == []


def test_healthy_rooms_are_a_line_and_open_on_demand(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    page = show(visit, server.url, many(status, (42, 77), 100))
    expect(page.locator("#found")).to_have_text("100 rooms, 2 with trouble")
    expect(page.locator("#rooms > article")).to_have_count(2)
    page.get_by_text("98 rooms without trouble, 98 connected").click()
    expect(page.locator("#rooms article")).to_have_count(100)
    line = page.locator("#room-drone-007 summary").first
    expect(line).to_contain_text("Connected · streaming-node ↔ gcom")
    line.click()
    expect(page.locator("#room-drone-007 .pair")).to_be_visible()
    page.wait_for_timeout(1500)  # longer than the interval between polls
    expect(page.locator("#room-drone-007 .pair")).to_be_visible()
    line.click()
    expect(page.locator("#room-drone-007 .pair")).to_be_hidden()


def test_headline_leads_to_its_room(visit: Visit, kinds: tuple[ServerProcess, Status]) -> None:
    server, status = kinds
    page = show(visit, server.url, many(status, (42, 77), 100))
    expect(page.locator("#room-drone-042 .pair")).to_be_hidden()
    page.get_by_role("link", name="Room drone-042").click()
    expect(page.locator("#room-drone-042 .pair")).to_be_visible()
    assert (
        page.evaluate("document.querySelector('#room-drone-042').getBoundingClientRect().top") < 100
    )


def test_rooms_are_found_by_name_peer_and_address(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    made = many(status, (42,), 100)
    made["rooms"][6]["peers"][0].update(peer_id="node-x", name="node-x", address="10.9.8.7")
    page = show(visit, server.url, made)
    field = page.get_by_label("Find a room")
    for text, room in (("NODE-X", 7), ("10.9.8", 7), ("drone-099", 99), ("not answered", 42)):
        field.fill(text)
        expect(page.locator("#rooms article")).to_have_count(1)
        expect(page.locator(f"#room-drone-{room:03} .pair")).to_be_visible()
    expect(page.locator("#found")).to_have_text("1 of 100 rooms")
    field.fill("nothing like it")
    expect(page.locator("#rooms article")).to_have_count(0)


def test_call_shows_its_path_its_figures_and_its_candidates(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    made = many(status, (), 1)
    made["headline"] = None
    path = "direct, Wi-Fi: host udp 192.168.1.10 -> 192.168.1.20"
    made["rooms"][0]["pairs"][0].update(
        path=path,
        candidate_kinds={"gcom": {"host private": 2, "relay public": 1}, "streaming-node": {}},
        stats={
            "streaming-node": {"round_trip_ms": 99, "at": 9.0},
            "gcom": {"round_trip_ms": 12.4, "bitrate_kbps": 2140, "packets_lost": 3, "at": 1.0},
        },
        first_frame_seconds=1.84,
    )
    made["rooms"][0]["peers"][0].update(signals=3, refused=6)
    made["rooms"][0]["last_seen"] = [
        {
            "peer_id": "gcom-2",
            "role": "gcom",
            "seconds_ago": 12.0,
            "how": "lost",
            "address": "10.0.0.5",
            "in_call_seconds": 240.0,
        }
    ]
    page = show(visit, server.url, made)
    expect(page.get_by_role("heading", level=1)).to_have_text("Connected")
    facts = page.locator(".facts")
    for text in (
        path,
        "12 ms round trip, 2.1 Mbit/s, 3 packets lost",
        "1.8 s after both were here",
        "2 host private, 1 relay public",
        "none yet",
    ):
        expect(facts).to_contain_text(text)
    peers = page.locator(".peers li")
    expect(peers.first).to_contain_text("3 signals · 6 refused")
    expect(peers.last).to_have_text(
        "gcom-2 gcom · last seen 12 s ago · connection lost · 10.0.0.5 · after 4 min in a call"
    )
    assert all_violations(page) == []


def test_clients_that_are_in_no_room_are_shown_too(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    made = many(status, (), 1)
    text = "6 signals of node were refused in the last minute."
    found = {**HEADLINE, "code": "refused", "text": text, "room": None, "severity": "warning"}
    made.update(headline=found, diagnosis=[finding_of(found, peers=[], side=None)])
    page = show(visit, server.url, made)
    verdict = page.get_by_role("heading", level=1)
    expect(verdict).to_have_text(text)
    expect(verdict).to_have_attribute("data-tone", "busy")
    expect(page.locator("#general [data-code=refused]")).to_contain_text(HEADLINE["advice"] or "")


def test_ice_servers_that_are_silent_stand_out(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    rows = [
        {"url": "stun:a", "state": "answers", "rtt_ms": 12.4, "since": 9.0, "text": "answers"},
        {"url": "turn:b", "state": "silent", "since": 60.0, "text": "silent for 1 min"},
    ]
    page = show(visit, server.url, {**status, "ice_servers": rows})
    expect(page.get_by_role("heading", name="STUN and TURN servers")).to_be_visible()
    expect(page.locator("#ice li")).to_have_text(
        ["stun:a answers, 12 ms", "turn:b silent for 1 min"]
    )
    assert all_violations(page) == []
    page = show(visit, server.url, {**status, "ice_servers": []})
    expect(page.locator("#ice-title")).to_be_hidden()


def test_note_does_not_outshine_calls_that_are_connected(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    made = many(status, (), 2)
    made["headline"] = {**HEADLINE, "severity": "note", "room": None}
    page = show(visit, server.url, made)
    expect(page.get_by_role("heading", level=1)).to_have_text("All 2 calls connected")


# --- the last hour --------------------------------------------------------------------------------


def test_history_is_a_picture_with_words_and_a_list_with_times(
    visit: Visit, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path) as server:
        scripted = play(visit, server, {"drone-1": [*CONNECTED, *joins("gcom-2")]})
        scripted.evaluate("actors.find((actor) => actor.auth.name === 'gcom-2').disconnect()")
        page = visit.open(server.url)
        picture = page.get_by_role("img", name="Room drone-1, the last 5 min.")
        expect(picture).to_be_visible()
        expect(page.locator("svg rect.present")).to_have_count(3)
        expect(page.locator("svg rect.call")).to_have_count(1)
        label = picture.get_attribute("aria-label") or ""
        assert re.search(r"gcom: present from \d+ s ago until now\.", label)
        assert re.search(r"gcom-2: present from \d+ s ago to \d+ s ago\.", label)
        assert re.search(r"call: established from \d+ s ago until now\.", label)
        assert re.search(r"The server started \d+ s ago\.", label)
        page.get_by_text(re.compile("^History: ")).click()
        lines = page.locator(".history li")
        expect(lines.first).to_contain_text("gcom-2 left")
        expect(lines.last).to_contain_text("the server started")
        assert re.match(r"\d\d:\d\d:\d\d", lines.first.inner_text())
        page.wait_for_timeout(1500)  # it stays open while the page is updated
        expect(lines.first).to_be_visible()
        assert all_violations(page) == []
        visit.close()


def test_history_without_a_clock_tells_how_long_ago(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    made = many(status, (), 1)
    events = made["rooms"][0]["timeline"]["events"]
    made["rooms"][0]["timeline"]["omitted"] = 3
    events[:] = [{**event, "time": None, "clock_set": False} for event in events]
    events[0].update(seconds_ago=200.0, times=2)
    page = show(visit, server.url, made)
    page.get_by_text(re.compile("^History: ")).click()
    expect(page.locator(".history")).to_contain_text("3 less important events are left out.")
    last = page.locator(".history li").last
    expect(last).to_contain_text("3 min ago")
    expect(last).to_contain_text("(2 times, before the clock was set)")


def test_room_that_has_emptied_keeps_its_history(visit: Visit, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        scripted = play(visit, server, {"drone-1": joins("node")})
        scripted.evaluate("actors.forEach((actor) => actor.disconnect())")
        page = visit.open(server.url)
        expect(page.get_by_role("heading", name="Rooms of the last hour")).to_be_visible()
        page.locator("#former summary").click()
        expect(page.get_by_role("img", name="Room drone-1")).to_be_visible()
        visit.close()


# --- addresses ------------------------------------------------------------------------------------


def urls(page: Page) -> list[str]:
    return page.locator("#places .url").all_inner_texts()


def test_addresses_are_complete_urls_and_none_means_another_machine(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, _ = kinds
    answer = json.loads(fetch(f"{server.url}/api/addresses")[2])
    bases = [place["url"] for place in answer["places"]]
    assert bases, "this machine has no address in a network"
    page = visit.open(server.url)
    expect(page.locator("#places .url").first).to_be_visible()
    assert urls(page) == [f"{base}?room=default&name=streaming-node" for base in bases]
    assert not any(re.search(r"//(127\.|localhost|0\.0\.0\.0|\[::1?\])", url) for url in urls(page))
    page.get_by_role("radio", name="GCOM").check()
    page.get_by_label("Room", exact=True).fill("drone-7")
    assert urls(page) == [f"{base}?room=drone-7&name=gcom" for base in bases]
    page.get_by_role("radio", name="Page that shows the video").check()
    assert urls(page) == [f"{base}gcom?room=drone-7&name=gcom" for base in bases]
    assert all_violations(page) == []
    fetched = fetch(bases[0])
    assert fetched[2] == "WebRTC Signaling Server is running"


def test_server_that_nobody_else_reaches_says_so(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(f"http://127.0.0.1:{server.port}")
    expect(page.locator("#addresses-note")).to_contain_text("listens on 127.0.0.1 alone")
    assert urls(page) == []


def test_address_behind_a_proxy_is_the_one_of_the_page(
    visit: Visit, server: ServerProcess, tmp_path: Path
) -> None:
    with Nginx(tmp_path, server.port) as proxy:
        base = proxy.url("http", "/drone/").replace("127.0.0.1", FAR)
        page = visit.open(base)
        expect(page.locator("#places .url").first).to_have_text(
            f"{base}?room=default&name=streaming-node"
        )
        visit.close()


def shape(svg: Locator) -> str:
    """The path of the black modules."""
    path = svg.locator("path[stroke]").get_attribute("d")
    assert path
    return path


def code_of(text: str) -> str:
    """The same for a text."""
    segno = pytest.importorskip("segno")
    code = segno.make(text, error="m", micro=False)
    found = re.search(r' d="(M4 4\.5[^"]*)"', code.svg_inline(border=4, light="#fff"))
    assert found
    return found[1]


def test_address_is_a_qr_code_too(visit: Visit, kinds: tuple[ServerProcess, Status]) -> None:
    pytest.importorskip("segno")
    server, _ = kinds
    page = visit.open(server.url)
    page.get_by_role("button", name="QR code").first.click()
    image = page.get_by_role("img", name="QR code of")
    expect(image).to_be_visible()
    assert shape(image) == code_of(urls(page)[0])
    assert all_violations(page) == []
    page.get_by_role("radio", name="GCOM").check()
    expect(image).to_be_hidden()  # it would be the code of another URL


def test_without_segno_there_is_the_text(visit: Visit, kinds: tuple[ServerProcess, Status]) -> None:
    server, _ = kinds
    page = visit.open("about:blank")
    answer = json.loads(fetch(f"{server.url}/api/addresses")[2])
    page.route("**/api/addresses", lambda route: route.fulfill(json={**answer, "qr": False}))
    page.goto(server.url)
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()
    assert page.get_by_role("button", name="QR code").count() == 0


def test_address_is_copied_or_selected_where_the_clipboard_needs_https(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, _ = kinds
    page = visit.open(server.url)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("getSelection().toString()") == urls(page)[0]


def test_call_test_gives_a_link_that_works_on_another_machine(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, _ = kinds
    base = json.loads(fetch(f"{server.url}/api/addresses")[2])["places"][0]["url"]
    page = visit.open(f"{server.url}/call")
    page.get_by_role("button", name="Start as GCOM").click()
    link = page.get_by_role("textbox", name="The other side")
    expect(link).to_have_value(re.compile(re.escape(f"{base}call?role=streaming-node&room=probe-")))
    expect(page.locator("#link-help")).to_contain_text("the one of this machine for others")
    assert (page.locator("#open").get_attribute("href") or "").startswith(server.url)


# --- tokens ---------------------------------------------------------------------------------------


def quiet(visit: Visit) -> None:
    """Chromium reports each 401."""
    visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)
    visit.said.clear()


def test_link_brings_a_token_that_does_not_stay_in_the_address_bar(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(f"{server.url}/status#token={tokens['status']}")
        expect(page.get_by_role("heading", name="Rooms", exact=True)).to_be_visible()
        assert page.url == f"{server.url}/status"
        assert page.evaluate("localStorage.length") == 0
        assert not any(tokens["status"] in url for url in visit.requested)
        page.reload()
        expect(page.get_by_role("heading", name="Rooms", exact=True)).to_be_visible()
        visit.close()


def test_token_is_remembered_on_the_device_only_if_asked(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(server.url)
        page.get_by_label("Token").fill(tokens["status"])
        page.get_by_role("button", name="Show status").click()
        expect(page.get_by_role("heading", name="Rooms", exact=True)).to_be_visible()
        other = page.context.new_page()  # another tab
        other.goto(server.url)
        other.get_by_label("Token").fill(tokens["status"])
        other.get_by_label("Remember on this device").check()
        other.get_by_role("button", name="Show status").click()
        expect(other.get_by_role("heading", name="Rooms", exact=True)).to_be_visible()
        third = page.context.new_page()
        third.goto(server.url)
        expect(third.get_by_role("heading", name="Rooms", exact=True)).to_be_visible()
        third.get_by_role("button", name="Forget the token on this device").click()
        expect(third.get_by_label("Token")).to_be_visible()
        assert third.evaluate("localStorage.length") == 0
        quiet(visit)


def test_good_token_that_may_not_see_the_status_is_told_from_a_wrong_one(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(server.url)
        page.get_by_label("Token").fill(tokens["signal"])
        page.get_by_role("button", name="Show status").click()
        expect(page.get_by_role("alert")).to_have_text(
            "This token is good, but may not see the status: that takes one with can: [status]."
        )
        page.get_by_label("Token").fill("hs_wrong")
        page.get_by_role("button", name="Show status").click()
        expect(page.get_by_role("alert")).to_have_text("This token is not accepted.")
        assert all_violations(page) == []
        quiet(visit)


def test_page_with_a_token_hands_it_to_a_phone_as_a_code(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    pytest.importorskip("segno")
    with guarded(tmp_path) as server:
        url = f"http://{FAR}:{server.port}/status#token={tokens['status']}"
        page = visit.open(url)
        phone = page.locator("#places li").filter(has_text="This page on a phone")
        phone.get_by_role("button", name="QR code").click()
        image = page.get_by_role("img", name="QR code of this page, with the token")
        expect(image).to_be_visible()
        assert shape(image) == code_of(url)
        assert tokens["status"] not in page.content()
        assert not any(tokens["status"] in url for url in visit.requested)
        visit.close()


@pytest.mark.parametrize("path", ["api/addresses", "api/qr?url=http://127.0.0.1/"])
def test_addresses_require_the_token(tmp_path: Path, tokens: dict[str, str], path: str) -> None:
    with guarded(tmp_path) as server:
        assert fetch(f"{server.url}/{path}")[0] == 401
        assert fetch(f"{server.url}/{path}", token=tokens["signal"])[0] == 401
        assert fetch(f"{server.url}/{path}", token=tokens["status"])[0] != 401


# --- clock, help, no JavaScript -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "words"), [(3 * 3600, "3 h ahead of"), (-600, "10 min behind"), (20, ""), (None, "")]
)
def test_clock_of_the_device_that_is_off_is_a_warning(
    visit: Visit, kinds: tuple[ServerProcess, Status], off: float | None, words: str
) -> None:
    server, status = kinds
    made = copy.deepcopy(status)
    made["server"]["time"] = None if off is None else time.time() - off
    page = show(visit, server.url, made)
    warning = page.locator("[data-code=clock]")
    if words:
        expect(warning).to_contain_text(f"The clock of this device is {words} that of the server.")
    else:
        expect(warning).to_have_count(0)


def test_finding_leads_to_its_explanation(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, status = kinds
    page = show(visit, server.url, many(status, (1,), 1))
    page.get_by_role("link", name="Explanation", exact=True).first.click()
    assert page.url == f"{server.url}/help#no-answer"
    section = page.locator("#no-answer")
    expect(section).to_have_text(
        "gcom was sent an offer 12 s ago and has not answered it. no-answer"
    )
    expect(section).to_be_in_viewport()
    assert all_violations(page) == []
    page.set_viewport_size(SIZES["phone"])  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_help_needs_no_token_and_leads_nowhere_else(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(f"{server.url}/help")
        expect(page.get_by_role("heading", level=1)).to_have_text("Why is there no video?")
        hosts = page.evaluate("[...document.querySelectorAll('main a')].map((a) => a.host)")
        assert {*hosts} == {f"127.0.0.1:{server.port}"}
        visit.close()


def test_without_javascript_the_page_says_what_status_says(
    visit: Visit, kinds: tuple[ServerProcess, Status]
) -> None:
    server, _ = kinds
    page = visit.open(server.url, java_script_enabled=False)
    said = page.locator("pre.text").inner_text().splitlines()
    expected = [line.printable for line in status_text.lines(status_of(server.url))]
    # Events of one moment may change places while the server still reads their signals.
    assert sorted(map(blur, said)) == sorted(map(blur, expected))
    assert "room bad" in said
    assert page.locator("#live").is_hidden()
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "5"


def blur(line: str) -> str:
    """A line without its times, which differ from one second to the next."""
    return re.sub(r"\d+ (s|min|h)\b", "TIME", line)


def test_without_javascript_and_token_the_page_says_what_to_do(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(server.url, java_script_enabled=False)
        expect(page.locator("pre.text")).to_have_text(
            "This server requires a token. From a shell: hawkeye-signaling status"
        )
        visit.close()


# --- the messages that docs/troubleshooting.md explains -------------------------------------------

PROVOKE = """async ([dead, stranger]) => {
  const { io } = await import("/static/vendor/socket.io.esm.js");
  const said = [];
  const tell = async (act) => {
    try { await act(); } catch (error) { said.push(`${error.name}: ${error.message}`); }
  };
  const a = new RTCPeerConnection();
  const b = new RTCPeerConnection();
  a.addTransceiver("video");
  await a.setLocalDescription();
  const offer = a.localDescription;
  await b.setRemoteDescription(offer);
  await b.setLocalDescription();
  const answer = b.localDescription;
  await a.setRemoteDescription(answer);
  const without = (pattern) => ({ type: "offer", sdp: offer.sdp.replace(pattern, "") });
  const c = new RTCPeerConnection();
  const d = new RTCPeerConnection();
  d.addTransceiver("audio");
  d.addTransceiver("video");
  await d.setLocalDescription();
  await tell(() => a.setRemoteDescription(answer));
  const candidate = "candidate:1 1 udp 1 10.0.0.1 9 typ host";
  await tell(() => c.addIceCandidate({ candidate, sdpMid: "0" }));
  await tell(() => c.setRemoteDescription(without(/a=fingerprint.*\\r\\n/g)));
  await tell(() => c.setRemoteDescription({ type: "offer", sdp: "nonsense" }));
  await tell(() => d.setRemoteDescription(answer));
  await tell(() => new RTCPeerConnection({ iceServers: [{ urls: "turn:x" }] }));
  await tell(() => navigator.mediaDevices.getUserMedia({ video: true }));
  for (const [url, options] of [
    [dead, { transports: ["polling"] }],
    [dead, { transports: ["websocket"] }],
    [stranger, { transports: ["polling"], timeout: 1 }],
  ]) {
    await new Promise((resolve) => {
      const socket = io(url, { forceNew: true, reconnection: false, ...options });
      socket.on("connect_error", ({ message }) => {
        said.push(`connect_error: ${message}`);
        resolve();
      });
      socket.on("connect", resolve);
    });
  }
  return said;
}"""


def test_messages_of_browsers_are_headings_of_the_help(
    visit: Visit, kinds: tuple[ServerProcess, Status], tmp_path: Path
) -> None:
    server, _ = kinds
    with ServerProcess(tmp_path) as ended:
        dead = ended.url
    page = visit.open(f"http://{FAR}:{server.port}/call")  # to Chromium, no secure page
    said = page.evaluate(PROVOKE, [dead, server.url])
    visit.close()
    visit.said.clear()  # Chromium reports what failed
    text = (ROOT / "docs/troubleshooting.md").read_text()
    headings = re.findall(
        r"^### `(.*)`$", text.partition("## Messages of clients")[2], re.MULTILINE
    )
    assert len(said) == 10
    assert [line for line in said if not any(heading in line for heading in headings)] == []
