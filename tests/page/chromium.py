"""A headless Chromium, spoken to over pipes in its DevTools protocol: no port, no driver, no library."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-extensions",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-default-browser-check", "--hide-scrollbars", "--password-store=basic",
)  # fmt: skip
_SECONDS = 120.0


def find() -> str | None:
    """Where a Chromium is installed, if one is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab: what it printed and asked for, and what can be done with it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.errors: list[str] = []
        self.requests: list[str] = []

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.command(method, parameters, self._session)

    def open(self, file: Path, anchor: str = "") -> None:
        """Show a file, and wait until it is there with its pictures."""
        # By an empty page: going to another anchor of the same file would not load it anew.
        for url in ("about:blank", f"{file.resolve().as_uri()}{anchor}"):
            self.errors.clear()
            self.requests.clear()
            self._browser.loaded.discard(self._session)
            self.command("Page.navigate", url=url)
            self._browser.read_until(lambda: self._session in self._browser.loaded)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key, as a reader without a mouse does."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        event = {"key": key, "windowsVirtualKeyCode": codes[key], "code": "Space" if key == " " else key}
        self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
        self.command("Input.dispatchKeyEvent", type="keyUp", **event)

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.command("Input.insertText", text=text)

    def names(self, role: str) -> list[str]:
        """What a screen reader calls everything of a role."""
        nodes = self.command("Accessibility.getFullAXTree")["nodes"]
        shown = (node for node in nodes if not node["ignored"] and node["role"]["value"] == role)
        return [node.get("name", {}).get("value", "") for node in shown]

    def dark(self, wanted: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, file: Path) -> bytes:
        """A picture of what is in the window, as PNG, written to a file."""
        image = base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"])
        file.write_bytes(image)
        return image

    def note(self, method: str, told: dict[str, Any]) -> None:
        """Keep errors and requests of an event."""
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(told["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(told["args"]))
        elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.errors.append(told["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])


class Browser:
    """A running Chromium."""

    def __init__(self, to: int, answers: int) -> None:
        self._to, self._answers = to, answers
        self._rest = b""
        self._number = 0
        self._results: dict[int, dict[str, Any]] = {}
        self._pages: dict[str, Page] = {}
        self.loaded: set[str] = set()

    def page(self, width: int = 1280, height: int = 900) -> Page:
        target = self.command("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            page.command(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.command("Emulation.setDeviceMetricsOverride", **size)
        return page

    def command(self, method: str, parameters: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """Send a command and return what it answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        number = self._number
        self.read_until(lambda: number in self._results)
        answer = self._results.pop(number)
        assert "error" not in answer, (method, answer)
        return dict(answer["result"])

    def read_until(self, done: Any) -> None:
        """Take in what the browser says until something holds."""
        end = time.monotonic() + _SECONDS
        while not done():
            ready, _, _ = select.select([self._answers], [], [], end - time.monotonic())
            assert ready, "Chromium is silent"
            data = os.read(self._answers, 2**16)
            assert data, "Chromium has ended"
            *messages, self._rest = (self._rest + data).split(b"\0")
            for message in messages:
                self._take(json.loads(message))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._results[message["id"]] = message
        elif message.get("sessionId") in self._pages:
            self._pages[message["sessionId"]].note(message["method"], message["params"])
            if message["method"] == "Page.loadEventFired":
                self.loaded.add(message["sessionId"])


@contextmanager
def started(program: str, profile: Path) -> Iterator[Browser]:
    """A Chromium with a profile of its own, ended at the end."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # As root there is no sandbox to be had; the pages are our own.
    flags = [*_FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    # It reads commands from 3 and writes to 4; the shell puts the pipes there.
    pipes = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
    process = subprocess.Popen(
        ["bash", "-c", pipes, program, *flags, "about:blank"],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
