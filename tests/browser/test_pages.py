"""The status page and the call test in a real Chromium (Debian's), against a real server.

After each test the console must be empty, and every request must have gone to the server. With
IMAGES=FOLDER the tests write the pictures of the documentation there.
"""

from __future__ import annotations

import http.server
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.passing import Passing
from contract.watch import page as judge
from integration.server import ROOT, ServerProcess
from outside.proxies import Nginx
from sdps import candidate, sdp
from unit.test_diagnosis import CODES

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # aiortc does not look up mDNS names
    "--use-fake-device-for-media-stream",
    "--host-resolver-rules=MAP drone.test 127.0.0.1",
]
FAR = "drone.test"
"""Chromium treats this name as another machine: over plain http, no camera and no clipboard."""
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1200, "height": 900}}
MILLISECONDS = 20_000
FRAMES = 20
"""Frames after which the video counts as flowing."""
LOADED = "Failed to load resource"
"""Chromium's own console message for a failed request; the page handles such failures."""

expect.set_options(timeout=MILLISECONDS)


class Visit:
    """The pages of one test, each in a window of its own, and their console output and requests."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.said: list[str] = []
        self.requested: set[str] = set()
        self.passing = Passing()

    def open(self, url: str, **options: Any) -> Page:
        context = self._browser.new_context(**{"viewport": SIZES["desktop"], **options})
        self._contexts.append(context)
        context.set_default_timeout(MILLISECONDS)
        context.on("page", self._listen)
        page = context.new_page()
        page.goto(url)
        return page

    def _listen(self, page: Page) -> None:
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.requested.add(request.url))
        page.on("websocket", lambda socket: self.requested.add(socket.url))
        self.passing.listen(page)

    @property
    def judged(self) -> int:
        """How many answers and packets of servers were validated against the schemas."""
        self.passing.check()
        return self.passing.judged

    def close(self) -> None:
        self.passing.check()
        while self._contexts:
            self._contexts.pop().close()


# --- scripted peers, to bring the server into any state -------------------------------------------

ACTORS = """async (scenes) => {
  const { io } = await import("/static/vendor/socket.io.esm.js");
  const actors = (globalThis.actors ??= []);
  const join = (room, name, role) => new Promise((resolve) => {
    const socket = io({ path: "/socket.io/", forceNew: true, reconnection: false,
                        transports: ["websocket"], auth: { room, name, role } });
    actors.push(socket);
    socket.on("welcome", () => resolve(socket));
  });
  await Promise.all(scenes.map(async ({ room, steps }) => {
    const here = {};
    for (const [name, what, data] of steps) {
      if (what === "join") here[name] = await join(room, name, data);
      else if (what === "report") here[name].emit("report", data);
      else await here[name].emitWithAck("signal", { type: what, data });
    }
  }));
}"""


def play(visit: Visit, server: ServerProcess, scenes: dict[str, list[Any]]) -> Page:
    """Peers join and send according to the steps (name, what, data), in one room for each scene."""
    page = visit.open(f"{server.url}/call")
    page.evaluate(ACTORS, [{"room": room, "steps": steps} for room, steps in scenes.items()])
    return page


def joins(*names: str) -> list[Any]:
    return [(name, "join", name) for name in names]


def offer(by: str = "streaming-node", **fields: Any) -> Any:
    fields = {"direction": "sendonly", "ufrag": by[:4], **fields}
    return (by, "offer", {"type": "offer", "sdp": sdp(**fields)})


def answer(by: str = "gcom", **fields: Any) -> Any:
    fields = {"direction": "recvonly", "setup": "active", "ufrag": by[:4], **fields}
    return (by, "answer", {"type": "answer", "sdp": sdp(**fields)})


def gathers(by: str, address: str) -> list[Any]:
    line = {"candidate": candidate(address), "sdpMid": "0"}
    return [(by, "ice-candidate", line), (by, "ice-candidate", None)]


def reports(by: str, state: str) -> Any:
    ends = {"type": "host", "protocol": "udp", "address": "192.168.144.10"}
    return (by, "report", {"state": state, "candidate_pair": {"local": ends, "remote": ends}})


BOTH = joins("streaming-node", "gcom")
LINES = [
    *gathers("streaming-node", "192.168.144.10"),
    *gathers("gcom", "192.168.144.20"),
]
CONNECTED = [*BOTH, offer(), answer(), *LINES, reports("gcom", "connected")]
UNANSWERED = [*BOTH, offer(), *gathers("streaming-node", "4b2c.local")]
FAULTS: dict[str, list[Any]] = {
    "alone": joins("gcom"),
    "crowded": joins("streaming-node", "gcom", "gcom-2"),
    "dtls-roles": [*BOTH, offer(setup="active"), answer()],
    "glare": [*BOTH, offer(), offer("gcom")],
    "blocked": [*BOTH, offer(), answer(), *LINES, reports("gcom", "failed")],
    "ice-restarts": [
        *BOTH,
        *(offer(ufrag=f"run{n}", origin=f"1 {n}") for n in range(4)),
        answer(),
        reports("gcom", "connected"),
    ],
    "incomplete-sdp": [
        *BOTH,
        ("streaming-node", "offer", {"type": "offer", "sdp": sdp().replace("a=ice-pwd", "a=x")}),
    ],
    "name-in-use": joins(*["gcom"] * 4),
    "needs-turn": [
        *BOTH,
        offer(),
        answer(),
        *gathers("streaming-node", "192.168.1.5"),
        *gathers("gcom", "10.0.0.7"),
    ],
    "no-answer": [*BOTH, offer()],
    "no-candidates": [*BOTH, offer(), answer()],
    "no-common-codec": [*BOTH, offer(codecs=["H264"]), answer(codecs=["VP8"])],
    "no-offer": BOTH,
    "no-sender": [*BOTH, offer(direction="recvonly"), answer()],
    "no-video": [*BOTH, offer(kind="audio"), answer(kind="audio")],
    "no-node": joins("gcom", "gcom-2"),
    "not-connected": [
        *BOTH,
        offer(),
        answer(),
        *gathers("streaming-node", "203.0.113.5"),
        *gathers("gcom", "203.0.113.9"),
        reports("gcom", "connecting"),
    ],
    "old-offer": [*BOTH, offer(), offer(ufrag="new", origin="2 2", mid="1"), answer()],
    "reported-closed": [*BOTH, offer(), answer(), *LINES, reports("gcom", "closed")],
    "reported-disconnected": [*BOTH, offer(), answer(), *LINES, reports("gcom", "disconnected")],
    "refused": [*BOTH, ("streaming-node", "Offer", {})],
    "reported-failed": [*CONNECTED, reports("gcom", "failed")],
    "unreadable-sdp": [*BOTH, ("streaming-node", "offer", {"type": "offer", "sdp": "?"})],
    "video-refused": [*BOTH, offer(), answer(port=0)],
}


def test_every_diagnosis_is_shown_in_words(visit: Visit, server: ServerProcess) -> None:
    """All at once, each in its own room: some take 10 s to be certain."""
    assert set(FAULTS) < CODES  # the others take real programs: tests/faults
    play(visit, server, {f"fault-{code}": steps for code, steps in FAULTS.items()})
    page = visit.open(f"{server.url}/status")
    for code in FAULTS:
        page.get_by_label("Find a room").fill(f"fault-{code}")  # of few rooms, all are open
        room = page.get_by_role("article").filter(
            has=page.get_by_role("heading", name=f"fault-{code}", exact=True)
        )
        finding = room.locator(f"[data-code={code}]").first
        expect(finding).to_be_visible()
        assert len(finding.inner_text()) > len("no-offer")


# --- the status page ------------------------------------------------------------------------------


def fetch(url: str, accept: str = "*/*", token: str = "") -> tuple[int, Any, str]:
    """Status, headers, body."""
    headers = {"Accept": accept, **({"Authorization": f"Bearer {token}"} if token else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as reply:
            answer = (reply.status, reply.headers, reply.read().decode())
    except urllib.error.HTTPError as error:
        answer = (error.code, error.headers, error.read().decode())
    status, heads, body = answer
    judge("GET", url, status, heads.get("Content-Type", ""), body)
    return answer


def test_root_answers_browsers_with_the_page_and_others_with_text(server: ServerProcess) -> None:
    assert fetch(f"{server.url}/")[2] == "WebRTC Signaling Server is running"
    status, headers, body = fetch(f"{server.url}/", "text/html,application/xhtml+xml,*/*;q=0.8")
    assert (status, headers.get_content_type()) == (200, "text/html")
    text = re.compile('<pre class="text">.*?</pre>', re.DOTALL)  # it tells the uptime
    assert text.sub("", body) == text.sub("", fetch(f"{server.url}/status")[2])


@pytest.mark.parametrize(
    "path", ["status", "call", "help", "static/status.js", "static/socket.io.js"]
)
def test_pages_load_nothing_from_elsewhere(server: ServerProcess, path: str) -> None:
    status, headers, body = fetch(f"{server.url}/{path}", "text/html")
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-cache"
    assert "style=" not in body or path.endswith("socket.io.js")


def test_pages_that_are_turned_off_are_not_found(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, {"status": {"enabled": False}}) as server:
        for path in ("status", "call", "help", "static/page.css", "api/status", "api/addresses"):
            assert fetch(f"{server.url}/{path}", "text/html")[0] == 404
        assert fetch(f"{server.url}/", "text/html")[2] == "WebRTC Signaling Server is running"


def test_static_serves_no_other_file(server: ServerProcess) -> None:
    for path in ("static/pages.py", "static/..%2fpages.py", "static/vendor/help.html"):
        assert fetch(f"{server.url}/{path}")[0] == 404


def picture(page: Page, name: str, full: bool = False) -> None:
    """Save a picture of a page for the documentation."""
    folder = os.environ.get("IMAGES")
    page.screenshot(path=str(Path(folder, f"{name}.png")) if folder else None, full_page=full)


@pytest.mark.parametrize("state", ["good", "bad"])
def test_state_of_a_call_is_visible_at_a_glance(visit: Visit, tmp_path: Path, state: str) -> None:
    expected = "Connected" if state == "good" else re.compile("gcom was sent an offer")
    schemes: tuple[Any, ...] = ("light", "dark")
    with ServerProcess(tmp_path) as server:
        play(visit, server, {"drone-1": CONNECTED if state == "good" else UNANSWERED})
        for (size, viewport), scheme in itertools.product(SIZES.items(), schemes):
            page = visit.open(server.url, viewport=viewport, color_scheme=scheme)
            verdict = page.get_by_role("heading", level=1)
            expect(verdict).to_have_text(expected)
            assert verdict.evaluate("e => e.getBoundingClientRect().bottom < innerHeight / 2")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert all_violations(page) == []
            picture(page, f"status-{state}-{size}-{scheme}")
        visit.close()  # before the server stops: a page would complain


def test_text_from_clients_is_never_html(visit: Visit, tmp_path: Path) -> None:
    role = "<img src=x onerror=alert(1)>"
    with ServerProcess(tmp_path) as server:
        play(visit, server, {"drone-1": [("gcom", "join", role)]})
        page = visit.open(server.url)
        expect(page.get_by_text(role).first).to_be_visible()
        assert page.locator("img").count() == 0
        visit.close()


def test_page_shows_refused_clients_and_names_given_by_rules(visit: Visit, tmp_path: Path) -> None:
    """It shows neither where a server does not tell."""
    with ServerProcess(tmp_path) as server:
        play(visit, server, {"drone-1": joins("gcom")})
        page = visit.open(server.url)
        peer = page.locator(".peers li").first
        title = page.get_by_role("heading", name="Refused clients")
        expect(peer).to_contain_text("gcom")
        expect(title).to_be_hidden()
        assert "named by" not in peer.inner_text()
        status = json.loads(fetch(f"{server.url}/api/status")[2])
        status["rooms"][0]["peers"][0]["named_by"] = "names[0]"
        refused = {"address": "192.0.2.9", "code": "old-client", "text": "EIO=3; <b>use 3</b>"}
        status["refusals"] = [
            {**refused, "seconds_ago": 200, "times": 12},
            {**refused, "seconds_ago": 300, "times": 1},
        ]
        page.route("**/api/status", lambda route: route.fulfill(json=status))
        expect(peer).to_contain_text("named by names[0]")
        expect(title).to_be_visible()
        expect(page.locator("#refusals li")).to_contain_text(
            ["3 min ago192.0.2.9EIO=3; <b>use 3</b> (12 times)", "5 min ago"],
        )
        assert "times" not in page.locator("#refusals li").nth(1).inner_text()
        assert all_violations(page) == []
        visit.close()


def test_page_recovers_by_itself_after_a_server_restart(visit: Visit, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        page = visit.open(server.url)
        verdict = page.get_by_role("heading", level=1)
        expect(verdict).to_have_text("Nobody is connected yet")
    expect(verdict).to_contain_text("The server is not responding")
    expect(page.locator("#announcer")).to_contain_text("is not responding")
    with ServerProcess(tmp_path, {"listen": {"port": server.port}}):
        expect(verdict).to_have_text("Nobody is connected yet")
        visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)
    visit.said.clear()


def test_page_reloads_after_a_server_upgrade(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(server.url)
    expect(page.locator("#server")).to_be_visible()
    status = json.loads(fetch(f"{server.url}/api/status")[2])
    status["server"]["version"] = "99.0.0"
    with page.expect_navigation():
        page.route("**/api/status", lambda route: route.fulfill(json=status))
    expect(page.locator("#server")).to_contain_text("99.0.0")


def test_hidden_page_does_not_poll(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(server.url)
    expect(page.locator("#server")).to_be_visible()
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    page.evaluate(hide % "true")
    page.wait_for_timeout(1500)  # longer than the interval between polls
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []
    with page.expect_request("**/api/status"):
        page.evaluate(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'))")


# --- tokens ---------------------------------------------------------------------------------------


@contextmanager
def guarded(folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(folder, {"auth": {"tokens_file": str(folder / "tokens.yaml")}}) as server:
        yield server


def test_status_page_asks_once_for_the_token(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        api = f"{server.url}/api/status"
        assert [fetch(api)[0], fetch(api, token=tokens["signal"])[0]] == [401, 401]
        assert "error" in json.loads(fetch(api)[2])
        assert fetch(api, token=tokens["status"])[0] == 200
        page = visit.open(server.url)
        expect(page.get_by_label("Token")).to_be_focused()
        assert all_violations(page) == []
        page.keyboard.type("hs_wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("This token is not accepted.")
        page.keyboard.type(tokens["status"])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Rooms")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Rooms")).to_be_visible()
        assert tokens["status"] not in page.url
        visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)
    visit.said.clear()


def test_call_test_asks_for_the_token(visit: Visit, tmp_path: Path, tokens: dict[str, str]) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(f"{server.url}/call")
        page.get_by_role("button", name="Start as GCOM").click()
        expect(page.get_by_label("Token")).to_be_focused()
        page.keyboard.type(tokens["signal"])
        page.get_by_role("button", name="Start as GCOM").click()
        expect(page.locator("#verdict")).to_have_text("GCOM: waiting for the other side")
        visit.close()


# --- keyboard and screen reader -------------------------------------------------------------------


def all_violations(page: Page) -> list[str]:
    """The accessibility violations that axe-core finds."""
    page.evaluate((ROOT / "tests/js/node_modules/axe-core/axe.js").read_text())
    found = page.evaluate("axe.run(document)")["violations"]
    return [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found]


def focused(page: Page) -> str:
    text: str = page.evaluate("document.activeElement.textContent.trim()")
    return text


def test_pages_work_with_the_keyboard_alone(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(f"{server.url}/status")
    expect(page.locator("#server")).to_be_visible()
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the status"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.get_by_role("link", name="Call test").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("Call test – Hawkeye signaling")  # noqa: RUF001
    expect(page.locator("#room-help")).to_contain_text("Nothing starts")  # the script has run
    expect(page.get_by_role("button", name="Start as GCOM")).to_be_enabled()
    for _ in range(20):
        page.keyboard.press("Tab")
        if focused(page) == "Start as GCOM":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_have_text("GCOM: waiting for the other side")


def test_focus_stays_while_the_page_changes(visit: Visit, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        play(visit, server, {f"room-{n}": joins("gcom", "node") for n in range(10)})
        page = visit.open(server.url)
        page.get_by_role("button", name="Show all").focus()
        rooms = page.evaluate_handle("document.querySelector('#rooms').firstChild")
        uptime = page.locator("#server dd").nth(1).inner_text()
        expect(page.locator("#server dd").nth(1)).not_to_have_text(uptime)
        assert focused(page).startswith("Show all")
        assert rooms.evaluate("e => e.isConnected")
        page.keyboard.press("Enter")
        assert page.locator("#events li").count() > 12
        visit.close()


# --- the call test --------------------------------------------------------------------------------

_rooms = (f"probe-{number:032x}" for number in itertools.count(1))


@pytest.fixture
def room() -> str:
    return next(_rooms)


def frames(page: Page, more_than: int = FRAMES) -> int:
    """Wait until more frames than this are counted; returns how many."""
    counted: int = page.evaluate(
        """async ([least, milliseconds]) => {
          const figures = document.querySelector("#figures");
          const deadline = performance.now() + milliseconds;
          while (!(figures.dataset.frames > least) && performance.now() < deadline)
            await new Promise((resolve) => setTimeout(resolve, 50));
          return Number(figures.dataset.frames ?? 0);
        }""",
        [more_than, MILLISECONDS],
    )
    assert counted > more_than
    return counted


def plays(page: Page) -> bool:
    """The video element itself shows frames that are not all black."""
    found: bool = page.evaluate(
        """() => {
          const video = document.querySelector("video");
          const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
          const context = canvas.getContext("2d");
          context.drawImage(video, 0, 0);
          const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value, index) => index % 4 < 3 && value > 128);
        }"""
    )
    return found


NAMES = {"gcom": "GCOM", "streaming-node": "Streaming Node"}


def start(page: Page, role: str) -> Page:
    """Press the button on a call test page."""
    page.get_by_role("button", name=f"Start as {NAMES[role]}").click()
    return page


def follow(visit: Visit, link: str, **options: Any) -> Page:
    """Open a link to the call test, and press the button for the role that it names."""
    page = visit.open(link, **options)
    return start(page, "gcom" if "role=gcom" in link else "streaming-node")


def test_two_pages_get_the_video_flowing(visit: Visit, server: ServerProcess) -> None:
    gcom = visit.open(f"{server.url}/call", viewport=SIZES["phone"])
    assert all_violations(gcom) == []
    gcom.get_by_role("button", name="Start as GCOM").click()
    link = gcom.get_by_role("textbox", name="The other side").input_value()
    assert re.search(r"role=streaming-node&room=probe-[0-9a-f]{32}$", link)
    node = visit.open(link)
    node.get_by_label("camera").check()  # without permission to use it: a test picture
    start(node, "streaming-node")
    for page in (gcom, node):
        frames(page, more_than=frames(page))
        expect(page.locator("#verdict")).to_have_text("Video is flowing")
        expect(page.locator("#stages li.reached")).to_have_count(7)
        expect(page.locator("#figures")).to_contain_text("host udp")
        expect(page.locator("#figures")).to_contain_text("Mbit/s")
        assert all_violations(page) == []
    assert plays(gcom)
    expect(node.locator("#picture-note")).to_contain_text("No camera")
    picture(gcom, "call-gcom-phone-light", full=True)
    picture(node, "call-node-desktop-light")
    status = visit.open(f"{server.url}/status")
    pair = status.get_by_role("article").filter(has_text=link[-38:]).locator(".pair")
    expect(pair).to_have_attribute("data-state", "connected")


def test_page_over_plain_http_offers_a_test_picture(visit: Visit, server: ServerProcess) -> None:
    node = visit.open(f"http://{FAR}:{server.port}/call")
    expect(node.get_by_text("only on pages loaded over https")).to_be_visible()
    expect(node.get_by_label("camera")).to_be_disabled()
    node.get_by_role("button", name="Start as Streaming Node").click()
    node.get_by_role("button", name="Copy the link").click()
    expect(node.locator("#announcer")).to_have_text("Copied")
    link = node.get_by_role("textbox", name="The other side").input_value()
    assert link.startswith(f"http://{FAR}:{server.port}/call?role=gcom&room=probe-")
    with node.context.expect_page() as opened:
        node.get_by_role("link", name="Open it here").click()
    assert opened.value.url == link
    frames(start(opened.value, "gcom"))


def test_camera_is_used_where_it_is_allowed(visit: Visit, server: ServerProcess, room: str) -> None:
    gcom = follow(visit, f"{server.url}/call?role=gcom&room={room}")
    url = f"{server.url}/call?role=streaming-node&room={room}"
    node = visit.open(url, permissions=["camera"])
    node.get_by_label("camera").check()
    start(node, "streaming-node")
    frames(gcom)
    expect(node.locator("#picture-note")).to_be_empty()


def test_video_survives_a_server_restart(visit: Visit, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        gcom = follow(visit, f"{server.url}/call?role=gcom&room={next(_rooms)}")
        follow(visit, gcom.get_by_role("textbox", name="The other side").input_value())
        counted = frames(gcom)
        offered = gcom.locator("#stages li").filter(has_text="offer").inner_text()
    expect(gcom.locator("#verdict")).to_contain_text("the server is not responding")
    with ServerProcess(tmp_path, {"listen": {"port": server.port}}):
        expect(gcom.locator("#verdict")).to_have_text("Video is flowing")
        frames(gcom, more_than=counted + FRAMES)
        gcom.wait_for_timeout(1500)  # a second call would have started by now
        assert gcom.locator("#stages li").filter(has_text="offer").inner_text() == offered
        visit.close()
    assert all("ERR_CONNECTION_REFUSED" in text for text in visit.said)
    visit.said.clear()


@contextmanager
def example(program: str, server: ServerProcess, room: str) -> Iterator[Callable[[str], str]]:
    """Run a program of docs/examples; yields a function that waits for a line with some text."""
    name = program[:-3].replace("_", "-")
    url = f"{server.url}/?room={room}&name={name}&role={name}"
    command = [sys.executable, str(ROOT / "docs/examples" / program), url]
    command += ["--frames"] if program == "gcom.py" else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    output = process.stdout
    try:
        yield lambda text: next(line for line in output if text in line)
    finally:
        process.kill()
        process.wait()
        output.close()


def test_browser_sees_a_streaming_node_of_aiortc(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    with example("streaming_node.py", server, room):
        gcom = follow(visit, f"{server.url}/call?role=gcom&room={room}")
        frames(gcom)
        assert plays(gcom)


def test_gcom_of_aiortc_sees_the_browser(visit: Visit, server: ServerProcess, room: str) -> None:
    with example("gcom.py", server, room) as line_with:
        node = follow(visit, f"{server.url}/call?role=streaming-node&room={room}")
        for _ in range(FRAMES):
            line_with("frame 640x360")
        frames(node)


def test_call_test_asks_before_it_joins_a_shared_room(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(f"{server.url}/call?role=gcom&room=drone-1")
    start = page.get_by_role("button", name="Start as GCOM")
    start.click()
    expect(page.get_by_text("never do this during a flight")).to_be_visible()
    assert all_violations(page) == []
    assert not any("socket.io/" in url for url in visit.requested)
    page.get_by_label("No flight is using this room").check()
    start.click()
    expect(page.locator("#verdict")).to_have_text("GCOM: waiting for the other side")
    assert [peer["name"] for peer in peers_of(server, "drone-1")] == [
        None
    ]  # it takes over nobody's


def peers_of(server: ServerProcess, room: str) -> Any:
    """The peers in a room, according to /api/status."""
    rooms = json.loads(fetch(f"{server.url}/api/status")[2])["rooms"]
    return next(each["peers"] for each in rooms if each["room"] == room)


# --- what a link to the call test can do ----------------------------------------------------------

SPY = """
  globalThis.cameras = 0;
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wanted) => { cameras += 1; return original(wanted); };
"""


def open_spied(visit: Visit, url: str) -> Page:
    """Open a page in a browser that has once allowed the camera to this server."""
    page = visit.open("about:blank", permissions=["camera"])
    page.add_init_script(SPY)
    page.goto(url)
    return page


def cameras(page: Page) -> int:
    """How often the page has asked for the camera."""
    asked: int = page.evaluate("cameras")
    return asked


def test_link_starts_nothing_before_a_press(visit: Visit, server: ServerProcess, room: str) -> None:
    link = f"{server.url}/call?role=streaming-node&room={room}&picture=camera&start=1"
    page = open_spied(visit, link)
    said = f"Room {room}: from the link that opened this page; whoever made the link may be in it."
    expect(page.locator("#room-help")).to_contain_text(said)
    expect(page.locator("#room-help")).to_contain_text("Nothing starts before you press a button.")
    assert all_violations(page) == []
    page.wait_for_timeout(1500)  # longer than a page takes to connect
    assert not any("socket.io/" in url for url in visit.requested)
    assert cameras(page) == 0
    start(page, "streaming-node")
    expect(page.locator("#verdict")).to_contain_text("waiting for the other side")
    assert cameras(page) == 0  # the camera is chosen on the page, not by a link


def test_camera_starts_for_a_link_only_if_it_is_chosen_on_the_page(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    page = open_spied(visit, f"{server.url}/call?role=streaming-node&room={room}")
    expect(page.get_by_text("A link never chooses the camera")).to_be_visible()
    page.get_by_label("camera").check()
    start(page, "streaming-node")
    expect(page.locator("#verdict")).to_contain_text("waiting for the other side")
    assert cameras(page) == 1


def test_page_remembers_neither_camera_nor_room_nor_consent(
    visit: Visit, server: ServerProcess
) -> None:
    page = open_spied(visit, f"{server.url}/call?role=streaming-node&room=drone-1")
    page.get_by_label("camera").check()
    page.get_by_label("No flight is using this room").check()
    start(page, "streaming-node")
    expect(page.locator("#verdict")).to_contain_text("waiting for the other side")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    page.reload()
    expect(page.get_by_label("moving test picture")).to_be_checked()
    expect(page.get_by_label("No flight is using this room")).not_to_be_checked()
    page.wait_for_timeout(1500)
    assert cameras(page) == 0
    page.goto(f"{server.url}/call")
    assert re.fullmatch(r"probe-[0-9a-f]{32}", page.get_by_label("Room", exact=True).input_value())


def test_page_says_where_its_room_comes_from(visit: Visit, server: ServerProcess) -> None:
    page = visit.open(f"{server.url}/call")
    expect(page.locator("#room-help")).to_contain_text("made by this page just now")
    page.get_by_label("Room", exact=True).fill("drone-7")
    expect(page.locator("#room-help")).to_contain_text("Room drone-7: as typed here")
    page.goto(f"{server.url}/call?room=drone-7")
    expect(page.locator("#room-help")).to_contain_text("Room drone-7: from the link that opened")


@pytest.mark.parametrize("where", ["?token={}", "?room=drone-1&token={}#x", "#token={}", "#{}"])
def test_token_in_a_link_is_neither_used_nor_kept(
    visit: Visit, tmp_path: Path, tokens: dict[str, str], where: str
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(f"{server.url}/call{where.format(tokens['signal'])}")
        expect(page.locator("#room-help")).to_contain_text("Nothing starts")
        assert tokens["signal"] not in page.url
        if "drone-1" in page.url:
            page.get_by_label("No flight is using this room").check()
        start(page, "gcom")
        expect(page.get_by_label("Token")).to_be_focused()
        assert page.evaluate("sessionStorage.length") == 0
        visit.close()


def test_second_click_of_a_double_click_elsewhere_starts_nothing(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit.open(f"{server.url}/call")
    button = page.get_by_role("button", name="Start as GCOM")
    expect(button).to_be_enabled()
    button.focus()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # a tab was in front
    assert button.is_disabled()
    expect(button).to_be_enabled()
    expect(button).to_be_focused()


def test_page_that_is_taken_over_says_so(visit: Visit, server: ServerProcess, room: str) -> None:
    first = follow(visit, f"{server.url}/call?role=gcom&room={room}")
    expect(first.locator("#verdict")).to_have_text("GCOM: waiting for the other side")
    follow(visit, f"{server.url}/call?role=gcom&room={room}")
    expect(first.locator("#verdict")).to_have_text("Another page has taken over this role")


def test_page_without_the_client_library_says_what_to_do(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit.open(f"{server.url}/status")
    page.route("**/static/vendor/socket.io.esm.js", lambda route: route.fulfill(status=404))
    page.goto(f"{server.url}/call")
    expect(page.get_by_text("packaging/fetch-browser-client.sh")).to_be_visible()
    expect(page.get_by_role("button", name="Start as GCOM")).to_be_hidden()
    assert all(text.startswith(LOADED) for text in visit.said)
    visit.said.clear()


def test_pages_work_below_a_prefix(visit: Visit, server: ServerProcess, tmp_path: Path) -> None:
    with Nginx(tmp_path, server.port) as proxy:
        page = visit.open(proxy.url("http", "/drone/"))
        expect(page.locator("#status")).to_be_visible()
        page.get_by_role("link", name="Call test").click()
        assert page.url == proxy.url("http", "/drone/call")
        page.get_by_role("button", name="Start as GCOM").click()
        expect(page.locator("#verdict")).to_have_text("GCOM: waiting for the other side")
        below = proxy.url("http", "/drone/").partition("://")[2]
        assert all(below in url for url in visit.requested)
        page.close()  # before the proxy: it would try to connect again


# --- /gcom ----------------------------------------------------------------------------------------


def watch(visit: Visit, url: str, **options: Any) -> Page:
    """Open /gcom and press Watch."""
    page = visit.open(url, **options)
    page.get_by_role("button", name="Watch").click()
    return page


def tile(page: Page, peer_id: str) -> Any:
    return page.get_by_role("listitem").filter(
        has=page.get_by_role("heading", name=peer_id, exact=True)
    )


def tile_frames(page: Page, peer_id: str, more_than: int = FRAMES) -> int:
    """Wait until a tile has shown more frames than that; returns how many."""
    page.wait_for_function(
        """([name, least]) => [...document.querySelectorAll(".tile")].some((tile) =>
             tile.querySelector("h2").textContent === name && tile.dataset.frames > least)""",
        arg=[peer_id, more_than],
    )
    return int(tile(page, peer_id).get_attribute("data-frames") or 0)


@contextmanager
def node(server: ServerProcess, room: str, name: str = "streaming-node") -> Iterator[None]:
    """The Python example as a Streaming Node."""
    url = f"{server.url}/?room={room}&name={name}&role=streaming-node"
    command = [sys.executable, str(ROOT / "docs/examples/streaming_node.py"), url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_gcom_enters_no_room_before_watch_is_pressed(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    with node(server, room):
        server.wait_for_line(f"room {room}: streaming-node joined")
        page = visit.open(f"{server.url}/gcom?room={room}&name=gcom", viewport=SIZES["phone"])
        expect(page.locator("#company")).to_have_text(f"In room {room} now: streaming-node.")
        assert all_violations(page) == []
        assert not any("socket.io/" in url for url in visit.requested)
        page.keyboard.press("Tab")
        page.get_by_role("button", name="Watch").press("Enter")
        tile_frames(page, "streaming-node")
        expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
        expect(tile(page, "streaming-node")).to_contain_text("connected")
        expect(tile(page, "streaming-node")).to_contain_text("Mbit/s")
        assert page.evaluate("document.querySelector('video').muted")
        assert all_violations(page) == []
        picture(page, "gcom-phone-light", full=True)


def test_gcom_shows_every_node_of_its_room(visit: Visit, server: ServerProcess, room: str) -> None:
    page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
    expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    with node(server, room, "front"), node(server, room, "rear"):
        for name in ("front", "rear"):
            tile_frames(page, name)
        expect(page.locator("#verdict")).to_have_text("Video of 2 of 2")
        assert all_violations(page) == []
        picture(page, "gcom-desktop-light")


def test_gcom_marks_a_picture_as_stale_and_recovers_when_the_node_is_back(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
    with node(server, room):
        counted = tile_frames(page, "streaming-node")
    expect(tile(page, "streaming-node")).to_contain_text(re.compile(r"Not live: .* \d+ s old"))
    expect(page.locator("#verdict")).not_to_contain_text("Video of")
    with node(server, room):
        expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
        tile_frames(page, "streaming-node")
        expect(tile(page, "streaming-node")).to_contain_text("connected")
    assert counted > FRAMES


def test_gcom_keeps_its_video_over_a_server_restart(visit: Visit, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as first:
        page = watch(visit, f"{first.url}/gcom?room=drone-1&name=gcom")
        with node(first, "drone-1"):
            counted = tile_frames(page, "streaming-node")
            first.send(signal.SIGKILL)
            expect(page.locator("#verdict")).to_contain_text("the server is not responding")
            with ServerProcess(tmp_path, {"listen": {"port": first.port}}):
                expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")
                tile_frames(page, "streaming-node", more_than=counted + FRAMES)
                visit.close()
    assert all("net::ERR_" in text for text in visit.said)
    visit.said.clear()


def test_gcom_calls_again_after_its_connection_was_closed_without_an_event(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    """As after a sleep of the device, which Chromium cannot be put into here."""
    page = visit.open("about:blank")
    page.add_init_script(
        """globalThis.connections = [];
           const Original = RTCPeerConnection;
           globalThis.RTCPeerConnection = class extends Original {
             constructor(...given) { super(...given); connections.push(this); }
           };"""
    )
    page.goto(f"{server.url}/gcom?room={room}&name=gcom")
    page.get_by_role("button", name="Watch").click()
    with node(server, room):
        tile_frames(page, "streaming-node")
        page.evaluate("connections[0].close()")  # fires no event, by the specification
        page.wait_for_function("() => connections.length > 1", timeout=60_000)
        tile_frames(page, "streaming-node")
        expect(page.locator("#verdict")).to_have_text("Video of 1 of 1")


REJOIN = """async (room) => {
  const { GCOM } = await import("./static/hawkeye-signaling.js");
  const told = [];
  const gcom = new GCOM(location.origin, { room, name: "laptop", role: "gcom" });
  const joined = () => new Promise((tell) => {
    gcom.addEventListener("server", ({ detail }) => detail.transport && tell());
  });
  gcom.addEventListener("refused", ({ detail }) => told.push(detail.code));
  await joined();
  const again = joined();
  gcom.signaling.rejoin();
  await again;
  gcom.close();
  return told;
}"""


def test_gcom_that_joins_as_another_session_is_not_refused(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    page = visit.open(f"{server.url}/gcom")
    assert page.evaluate(REJOIN, room) == []


def test_gcom_takes_a_token_from_the_fragment_and_forgets_the_link(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = visit.open(f"{server.url}/gcom?room=drone-1#token={tokens['signal']}")
        expect(page.get_by_label("Token")).to_have_value(tokens["signal"])
        assert tokens["signal"] not in page.url
        page.get_by_label("Name of this GCOM").fill("")
        page.get_by_role("button", name="Watch").click()
        expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
        visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)  # it may not see the status
    visit.said.clear()


def test_gcom_says_why_it_is_refused_and_asks_for_a_token(
    visit: Visit, tmp_path: Path, tokens: dict[str, str]
) -> None:
    with guarded(tmp_path) as server:
        page = watch(visit, f"{server.url}/gcom?room=drone-1")
        expect(page.locator("#verdict")).to_have_text("Refused: this server requires a token")
        expect(page.get_by_label("Token")).to_be_focused()
        assert tokens["signal"] not in page.url
        visit.close()
    assert all(text.startswith(LOADED) for text in visit.said)
    visit.said.clear()


def test_second_gcom_with_the_name_takes_over_and_the_first_says_so(
    visit: Visit, server: ServerProcess, room: str
) -> None:
    first = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
    expect(first.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    second = visit.open(f"{server.url}/gcom?room={room}&name=gcom")
    expect(second.locator("#company")).to_contain_text("takes over from the one that is there")
    second.get_by_role("button", name="Watch").click()
    expect(first.locator("#verdict")).to_have_text("Another GCOM has taken over this name")
    expect(first.get_by_role("button", name="Watch")).to_be_visible()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves docs/examples, without a log."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments, directory=str(ROOT / "docs/examples"))

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def examples() -> Iterator[str]:
    """The URL of docs/examples on a web server of its own."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


def drop_favicon(visit: Visit) -> None:
    visit.said = [text for text in visit.said if "favicon" not in text and LOADED not in text]


def test_example_page_of_another_web_server_shows_the_video(
    visit: Visit, server: ServerProcess, room: str, examples: str
) -> None:
    with node(server, room):
        page = visit.open(f"{examples}/gcom.html?server={server.url}&room={room}&name=gcom")
        expect(page.locator("#state")).to_have_text("streaming-node: connected")
        page.wait_for_function("() => document.querySelector('video').currentTime > 1")
        drop_favicon(visit)


def test_example_page_sends_the_camera(
    visit: Visit, server: ServerProcess, room: str, examples: str
) -> None:
    gcom = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
    url = f"{examples}/streaming-node.html?server={server.url}&room={room}"
    sender = visit.open(url, permissions=["camera"])
    expect(sender.locator("#state")).to_have_text("gcom: connected")
    tile_frames(gcom, "streaming-node")
    drop_favicon(visit)


def test_example_page_says_why_it_has_no_camera(
    visit: Visit, server: ServerProcess, examples: str
) -> None:
    state = visit.open(f"{examples}/streaming-node.html?server={server.url}").locator("#state")
    expect(state).to_contain_text("No camera: Permission denied. Connect one, allow it for")
    nobody = "http://127.0.0.1:1"
    state = visit.open(f"{examples}/streaming-node.html?server={nobody}").locator("#state")
    expect(state).to_have_text(f"No signaling server at {nobody}")
    visit.said.clear()


@pytest.mark.parametrize("listed", [True, False])
def test_example_page_opened_as_a_file_needs_null_listed(
    visit: Visit, tmp_path: Path, listed: bool
) -> None:
    origins = {"socketio": {"cors_allowed_origins": ["null"]}} if listed else {}
    with ServerProcess(tmp_path, origins) as server:
        file = (ROOT / "docs/examples/gcom.html").as_uri()
        page = visit.open(f"{file}?server={server.url}&room=drone-1&name=gcom")
        if listed:
            expect(page.locator("#state")).to_have_text("In the room")
        else:
            expect(page.locator("#state")).to_contain_text('is "null" in cors_allowed_origins?')
        visit.close()
    visit.said.clear()
    visit.requested = {url for url in visit.requested if not url.startswith("file:")}


def test_snapshot_is_a_picture_of_the_video(visit: Visit, server: ServerProcess, room: str) -> None:
    page = watch(visit, f"{server.url}/gcom?room={room}&name=gcom")
    with node(server, room):
        tile_frames(page, "streaming-node")
        with page.expect_download() as saved:
            page.get_by_role("button", name="Snapshot").click()
    assert re.fullmatch(r"streaming-node-\d{8}T\d{6}\.png", saved.value.suggested_filename)
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
