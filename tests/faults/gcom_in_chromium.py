"""/gcom in Chromium, with Watch pressed; prints a line for each video frame that is presented:

python gcom_in_chromium.py URL

The URL names the server and, in its query, the GCOM. Chromium stays in this program's process
group: a signal to the group ends it, or lets it sleep.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # aiortc does not look up mDNS names
    "--remote-debugging-port=0",
)
POLL = 0.05
RELOAD = 1.0
"""Seconds after which a page that did not load is loaded again."""

COUNT_FRAMES = """
addEventListener("DOMContentLoaded", () => {
  const watched = new WeakSet();
  let frames = 0;
  new MutationObserver(() => {
    for (const video of document.querySelectorAll("video")) {
      if (watched.has(video)) continue;
      watched.add(video);
      const count = () => {
        say(`${video.getAttribute("aria-label")}: frame ${++frames}`);
        video.requestVideoFrameCallback(count);
      };
      video.requestVideoFrameCallback(count);
    }
  }).observe(document, { childList: true, subtree: true });
});
"""
PRESS_WATCH = """
addEventListener("DOMContentLoaded", () => {
  const press = () => {
    // A script can press a button that is hidden already, a person cannot: look first.
    if (!document.getElementById("run").hidden) return;
    document.getElementById("watch").click();
    setTimeout(press, 100);
  };
  press();
});
"""
"""The button does nothing until the page's module has run."""


class Tab:
    """Chromium's one page, by the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0

    async def call(self, method: str, **params: object) -> dict[str, object]:
        """Call a method, and wait for its result; lines of the page are printed meanwhile."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._receive()
            if message.get("id") == self._number:
                return message["result"]

    async def load(self, url: str) -> None:
        """Load a page; again, as its operator would, if the server does not answer."""
        while True:
            result = await self.call("Page.navigate", url=url)
            if "errorText" not in result:
                return
            await asyncio.sleep(RELOAD)

    async def listen(self) -> None:
        """Print the lines of the page until Chromium ends."""
        while True:
            await self._receive()

    async def _receive(self) -> dict:
        message = json.loads(await self._socket.receive_str())
        if message.get("method") == "Runtime.bindingCalled":
            print(message["params"]["payload"], flush=True)
        return message


async def port_of(profile: Path) -> str:
    """The port of the DevTools protocol, once Chromium listens on it."""
    file = profile / "DevToolsActivePort"
    while True:
        lines = file.read_text().split("\n") if file.exists() else []
        if len(lines) > 1:
            return lines[0]
        await asyncio.sleep(POLL)


async def page_of(session: aiohttp.ClientSession, port: str) -> str:
    """The URL that controls Chromium's page, once it has one."""
    while True:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [one for one in await answer.json() if one["type"] == "page"]
        if pages:
            return str(pages[0]["webSocketDebuggerUrl"])
        await asyncio.sleep(POLL)


def main() -> None:
    """Watch until Chromium is ended."""
    asked = urlsplit(sys.argv[1])
    url = f"{asked.scheme}://{asked.netloc}/gcom?{asked.query}"
    profile = Path(tempfile.mkdtemp())
    command = ("chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank")
    silent = subprocess.DEVNULL  # what Chromium itself says is not of the page
    with subprocess.Popen(command, stdout=silent, stderr=silent):
        asyncio.run(watch(url, profile))


async def watch(url: str, profile: Path) -> None:
    """Load /gcom in the Chromium of this profile, and print its frames."""
    async with aiohttp.ClientSession() as session:
        control = await page_of(session, await port_of(profile))
        async with session.ws_connect(control, max_msg_size=0) as socket:
            tab = Tab(socket)
            await tab.call("Page.enable")
            await tab.call("Runtime.enable")
            await tab.call("Runtime.addBinding", name="say")
            for source in (COUNT_FRAMES, PRESS_WATCH):
                await tab.call("Page.addScriptToEvaluateOnNewDocument", source=source)
            await tab.load(url)
            await tab.listen()


main()
