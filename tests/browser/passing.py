"""What the pages of a test exchange with servers, validated against the published schemas."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Error, Page, Request, WebSocket

from contract import watch

SEPARATOR = "\x1e"
"""Between the packets of one body of long-polling (Engine.IO v4)."""


class Passing:
    """Watches pages; `check()` validates the HTTP answers since the last call.

    Their bodies cannot be asked for inside of an event of Playwright, and not after the page is
    closed. The frames of WebSockets are validated as they pass.
    """

    def __init__(self) -> None:
        self._finished: list[Request] = []
        self._answers = 0
        self._sockets: list[watch.Frames] = []
        self._polls: dict[str, watch.Frames] = {}

    @property
    def judged(self) -> int:
        """How many HTTP answers and packets of servers were validated."""
        frames = (*self._sockets, *self._polls.values())
        return self._answers + sum(each.judged for each in frames)

    def listen(self, page: Page) -> None:
        """Watch a page from now on."""
        page.on("websocket", self._watch)
        page.on("requestfinished", self._keep)

    def _watch(self, socket: WebSocket) -> None:
        frames = watch.Frames()
        self._sockets.append(frames)
        socket.on("framesent", lambda text: frames.sent(str(text)))
        socket.on("framereceived", lambda text: frames.received(str(text)))

    def _keep(self, request: Request) -> None:
        path = urlsplit(request.url).path
        if "/api/" in path or path.endswith(("/healthz", "/socket.io/")):
            self._finished.append(request)

    def check(self) -> None:
        """Validate what has been answered; a page that has moved on no longer has it."""
        while self._finished:
            request = self._finished.pop(0)
            try:
                answer = request.response()
                body = answer.text() if answer else ""
            except Error:
                continue
            if answer is None:
                continue
            kind = answer.headers.get("content-type", "")
            self._answers += 1
            watch.page(request.method, request.url, answer.status, kind, body)
            if answer.status == 200 and urlsplit(request.url).path.endswith("/socket.io/"):
                self._poll(request, body)

    def _poll(self, request: Request, body: str) -> None:
        sid = parse_qs(urlsplit(request.url).query).get("sid", [""])[0]
        frames = self._polls.setdefault(sid, watch.Frames())
        for packet in (request.post_data or "").split(SEPARATOR):
            frames.sent(packet)
        for packet in body.split(SEPARATOR):
            frames.received(packet)
