"""/gcom on a phone, as Chromium imitates one: a small screen, fingers, and plain http."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Page, Route, expect

from browser.test_pages import FAR, SIZES, Visit, all_violations, node, picture, tile, tile_frames
from integration.server import ServerProcess

PHONE = {
    "viewport": SIZES["phone"],
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
LONG_NAME = "rear-" + "camera" * 9 + "12345"
"""As long as a name may be."""
FINGER = 24
"""The least side of a target in CSS pixels: WCAG 2.2, 2.5.8."""
_rooms = (f"phone-{number}" for number in itertools.count())

WIDER_THAN_THE_SCREEN = """() => [...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
  .map((element) => `${element.localName} ${element.getBoundingClientRect().right}`)"""
SMALL_TARGETS = f"""() => [...document.querySelectorAll("main button, main input")]
  .map((element) => [element, element.getBoundingClientRect()])
  .filter(([, box]) => box.width && Math.min(box.width, box.height) < {FINGER})
  .map(([element]) => element.outerHTML)"""


def check(page: Page) -> None:
    """All of the page is on the screen, can be hit by a finger, and read by anyone."""
    assert page.evaluate(WIDER_THAN_THE_SCREEN) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("innerWidth") == SIZES["phone"]["width"]  # mobiles zoom out instead
    assert page.evaluate(SMALL_TARGETS) == []
    assert all_violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_shows_every_node_on_its_screen(
    visit: Visit, server: ServerProcess, scheme: str
) -> None:
    room = next(_rooms)
    url = f"http://{FAR}:{server.port}/gcom?room={room}&name=gcom"
    with node(server, room, "front"), node(server, room, LONG_NAME):
        for name in ("front", LONG_NAME):
            server.wait_for_line(f"room {room}: {name} joined")
        page = visit.open(url, color_scheme=scheme, **PHONE)
        expect(page.locator("#company")).to_contain_text(LONG_NAME)
        check(page)
        page.get_by_role("button", name="Watch").tap()
        expect(page.locator("#verdict")).to_have_text("Video of 2 of 2")
        for name in ("front", LONG_NAME):
            tile_frames(page, name)
        expect(page.locator("#wake")).to_be_visible()  # plain http: no wake lock
        check(page)
        picture(page, f"gcom-phone-{scheme}", full=True)

        tile(page, "front").get_by_role("button", name="Full screen").tap()
        page.wait_for_function("document.fullscreenElement?.ariaLabel === 'Video of front'")
        page.evaluate("document.exitFullscreen()")
        page.wait_for_function("!document.fullscreenElement")


def test_phone_keeps_its_screen_on_where_the_browser_allows_it(
    visit: Visit, server: ServerProcess
) -> None:
    url = f"{server.url}/gcom?room={next(_rooms)}&name=gcom"  # loopback counts as secure
    page = visit.open("about:blank", **PHONE)
    page.add_init_script(
        """globalThis.locks = [];
           navigator.wakeLock.request = async (kind) => { locks.push(kind); return {}; };"""
    )
    page.goto(url)
    page.get_by_role("button", name="Watch").tap()
    expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    assert page.evaluate("locks") == ["screen"]
    expect(page.locator("#wake")).to_be_hidden()


def test_second_press_on_a_slow_link_starts_no_second_gcom(
    visit: Visit, server: ServerProcess
) -> None:
    page = visit.open(f"{server.url}/gcom?room={next(_rooms)}&name=gcom", **PHONE)
    doors: list[str] = []
    page.on("websocket", lambda socket: doors.append(socket.url))
    page.on("request", lambda request: doors.append(request.url))
    waiting: list[Route] = []
    page.route("**/hawkeye-signaling.js", lambda route: waiting.append(route))
    with page.expect_request("**/hawkeye-signaling.js"):
        page.get_by_role("button", name="Watch").tap()
    page.get_by_role("button", name="Watch").tap()
    assert waiting
    for route in waiting:
        route.continue_()
    expect(page.locator("#verdict")).to_have_text("Waiting for a Streaming Node")
    joins = [url for url in doors if "socket.io/?" in url and "sid=" not in url]
    assert len(joins) == 1
