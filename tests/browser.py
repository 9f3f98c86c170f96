"""A page in, what a real browser makes of it out: Chromium without a window, over its own pipe."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import IO, TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = shutil.which("chromium")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--remote-debugging-pipe",
)
_PATIENCE = 60  # seconds for one answer: far more than it ever needs


@dataclass
class Browser:
    """One page after the other, as a person would see it."""

    commands: IO[bytes]
    answers: IO[bytes]
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    def call(self, method: str, **params: Any) -> Any:
        """Send a command of the DevTools protocol; return its result."""
        id = next(self._ids)
        session = {"sessionId": self.session} if self.session else {}
        self.commands.write(json.dumps({"id": id, "method": method, "params": params, **session}).encode() + b"\0")
        self.commands.flush()
        while True:
            message = self._read()
            if message.get("id") == id:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def open(self, page: Path, *, width: int, height: int = 800, scheme: Literal["light", "dark"] = "light") -> None:
        """Show a page, and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Emulation.setScrollbarsHidden", hidden=True)
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        while not self.seen("Page.loadEventFired"):
            self.events.append(self._read())

    def seen(self, method: str) -> list[dict[str, Any]]:
        """Return what the browser told of its own accord since the page was opened."""
        return [each["params"] for each in self.events if each.get("method") == method]

    def ask(self, expression: str) -> Any:
        """Return what a piece of JavaScript gives: the test's, not the page's."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, *, height: float | None = None, scale: float = 1) -> bytes:
        """Return the page as PNG, down to a height where one is given."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {**size, "height": height or size["height"], "scale": scale}
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(answer["data"])

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (sign := self.answers.read(1)) != b"\0":
            assert sign, "the browser has gone"
            text += sign
        message: dict[str, Any] = json.loads(text)
        return message


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Give a browser with a profile of its own; it ends with the block."""
    assert PROGRAM
    ours, theirs = os.pipe(), os.pipe()
    # The browser reads descriptor 3 and writes 4; the shell puts them there.
    script = f'exec "$@" 3<&{ours[0]} 4>&{theirs[1]}'
    command = ["bash", "-c", script, "bash", PROGRAM, *_OPTIONS, f"--user-data-dir={folder}"]
    with (
        os.fdopen(ours[1], "wb") as commands,
        os.fdopen(theirs[0], "rb", buffering=1 << 16) as answers,
        subprocess.Popen(
            command,
            pass_fds=(ours[0], theirs[1]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        os.close(ours[0])
        os.close(theirs[1])
        browser = Browser(commands, answers)
        try:
            yield browser
        finally:
            browser.session = ""
            browser.call("Browser.close")
            process.wait(_PATIENCE)
