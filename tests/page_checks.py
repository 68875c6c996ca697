"""Look at a page as a person would: a headless Chromium without a network, driven through its DevTools pipe.

The pipe needs no port and no library. axe-core, which judges accessibility, comes from npm:
``npm pack --pack-destination .venv axe-core@4.14.1``.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["NARROW_PX", "WIDE_PX", "Browser", "View", "browser", "check", "chromium_program"]

WIDE_PX, NARROW_PX = 1500, 390
_AXE = "axe-core-4.14.1.tgz"
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--lang=en"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe", "--disable-extensions"),
)
_PATIENCE_S = 120.0  # on a machine that others use, too
_DRAWN = "document.body && document.body.dataset.state === 'drawn'"
_MARKS = "['readable', 'drawn'].map((name) => performance.getEntriesByName(name)[0].startTime)"  # ms

# What does not fit: elements beyond the window or cut, and labels of plots that leave them or touch each other.
_MISFITS = """
(() => {
  const found = [], wide = innerWidth + 1;
  const say = (what, element, text) => found.push(`${what}: ${(text || element.textContent).trim().slice(0, 60)}`);
  if (document.documentElement.scrollWidth > wide) found.push(`page: ${document.documentElement.scrollWidth} px`);
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest("svg, script, .skip, noscript")) continue;
    const box = element.getBoundingClientRect();
    if (box.width && box.right > wide && !element.closest(".scroll")) say("beyond the window", element);
    const style = getComputedStyle(element);
    const hides = style.overflowX === "hidden" || style.textOverflow === "ellipsis";
    if (hides && element.scrollWidth > element.clientWidth + 1 && !element.closest(".plot")) say("cut", element);
  }
  for (const plot of document.querySelectorAll(".plot")) {
    const frame = plot.getBoundingClientRect();
    const texts = [...plot.querySelectorAll("svg text")].filter((text) => text.textContent.trim());
    const boxes = texts.map((text) => text.getBoundingClientRect());
    boxes.forEach((a, i) => {
      const is_out = a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 ||
        a.bottom > frame.bottom + 1;
      if (is_out) say(`label leaves ${plot.id}`, texts[i]);
      boxes.slice(i + 1).forEach((b, j) => {
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 2 && down > 3) say(`labels touch in ${plot.id}`, null,
          `${texts[i].textContent} | ${texts[i + 1 + j].textContent}`);
      });
    });
  }
  return found;
})()
"""


@cache
def _axe() -> str:
    archive = Path(sys.prefix) / _AXE
    assert archive.is_file(), (
        f"npm pack --pack-destination {sys.prefix} {_AXE.removesuffix('.tgz').replace('-4', '@4')}"
    )
    with tarfile.open(archive) as tar:
        member = tar.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def chromium_program() -> str:
    """Return where Chromium is."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "install Chromium: apt-get install chromium"
    return program


def check(view: View) -> None:
    """Nothing is complained of, nothing is fetched from elsewhere, nothing is cut, everybody can use it."""
    assert view.errors == []
    assert view.foreign_requests == []
    assert view.misfits() == []
    assert view.faults() == []


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Give a Chromium with a new profile below ``folder``, ended with the block."""
    theirs, ours = os.pipe(), os.pipe()
    command = [chromium_program(), *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    started = subprocess.Popen(
        ["bash", "-c", f'exec "$@" 3<&{theirs[0]} 4>&{ours[1]}', "bash", *command],
        pass_fds=(theirs[0], ours[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs[0])
    os.close(ours[1])
    try:
        yield Browser(theirs[1], ours[0])
    finally:
        started.terminate()
        started.wait(30)
        os.close(theirs[1])
        os.close(ours[0])


class Browser:
    """Speaks the DevTools protocol over two file descriptors."""

    def __init__(self, writes: int, reads: int) -> None:
        self._writes, self._reads = writes, reads
        self._number = 0
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one command and return its answer; events that come meanwhile are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._writes, content) :]
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            piece = os.read(self._reads, 2**20)
            assert piece, "Chromium ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, path: Path, *, width_px: int = WIDE_PX, height_px: int = 1000) -> View:
        """Open a page of the disk in a window of this size, watched, and wait until its plots are drawn."""
        view = self._view(path, width_px, height_px)
        for domain in ("Runtime", "Log", "Network", "Page"):
            view.call(f"{domain}.enable")
        view.go()
        view.wait_for(_DRAWN)
        return view

    def time(self, path: Path, *, width_px: int = WIDE_PX, height_px: int = 1000) -> tuple[float, float]:
        """Open a page as a person does: the seconds until all in the window is drawn, and until all of the page is.

        By the page's clock, which starts as the browser begins to go there. Nobody watches the console meanwhile: a
        watched engine keeps traces of calls, which costs a second by itself.
        """
        view = self._view(path, width_px, height_px)
        view.go()
        view.wait_for(_DRAWN)
        readable_ms, drawn_ms = view.run(_MARKS)
        return readable_ms / 1000, drawn_ms / 1000

    def _view(self, path: Path, width_px: int, height_px: int) -> View:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        view = View(self, session, path)
        view.resize(width_px, height_px)
        return view


class View:
    """One page in one window."""

    def __init__(self, browser: Browser, session: str, path: Path) -> None:
        self._browser, self._session, self.path = browser, session, path

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def go(self) -> None:
        """Begin to load the page."""
        self.call("Page.navigate", url=self.path.absolute().as_uri())

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression, awaited."""
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        until_s = time.monotonic() + _PATIENCE_S
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < until_s, f"{self.path.name}: never {condition}"
            time.sleep(0.02)

    def resize(self, width_px: int, height_px: int = 1000) -> None:
        """Give the window another size; a narrow one is a telephone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=1,
            mobile=False,
        )

    @property
    def errors(self) -> list[str]:
        """What the console complained of, warnings included."""
        found = []
        for event in self._events():
            parameters, method = event["params"], event["method"]
            if method == "Runtime.exceptionThrown":
                found.append(json.dumps(parameters["exceptionDetails"])[:500])
            elif method == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                found.append(" ".join(str(value.get("value", "")) for value in parameters["args"]))
            elif method == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                found.append(parameters["entry"]["text"])
        return found

    @property
    def requests(self) -> list[str]:
        """Every address that was asked for, except those within the page itself."""
        urls = [e["params"]["request"]["url"] for e in self._events() if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:"))]

    @property
    def foreign_requests(self) -> list[str]:
        """Those that left the disk."""
        return [url for url in self.requests if not url.startswith("file://")]

    def _events(self) -> list[dict[str, Any]]:
        self.call("Runtime.evaluate", expression="0")  # whatever has happened is told before its answer
        return [event for event in self._browser.events if event.get("sessionId") == self._session]

    @property
    def text(self) -> str:
        """The text that a person reads."""
        return " ".join(str(self.run("document.body.innerText")).split())

    def misfits(self) -> list[str]:
        """Return what is cut, overflows or overlaps."""
        found: list[str] = self.run(_MISFITS)
        return found

    def faults(self) -> list[str]:
        """Return the accessibility faults that axe-core calls serious or critical."""
        self.run(_axe() + "; 0")
        found = self.run("axe.run(document).then((result) => result.violations)")
        return [
            f"{rule['impact']} {rule['id']}: {[node['html'][:200] for node in rule['nodes'][:3]]}"
            for rule in found
            if rule["impact"] in ("serious", "critical")
        ]

    def click(self, selector: str) -> None:
        """Click the middle of an element with the mouse."""
        where = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": where[0], "y": where[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def drag(self, selector: str, begin: float, end: float) -> None:
        """Draw the mouse across an element, from one part of its width to another."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{element}.scrollIntoView({{block: 'center'}})")
        x, y, width, height = self.run(
            f"(() => {{ const b = {element}.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; }})()"
        )
        steps = [
            ("mousePressed", begin),
            ("mouseMoved", (begin + end) / 2),
            ("mouseMoved", end),
            ("mouseReleased", end),
        ]
        for kind, part in steps:
            place = {"x": x + part * width, "y": y + height / 2, "button": "left", "buttons": 1, "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def press(self, key: str) -> None:
        """Press a key, e.g. ``Tab``, ``Enter`` or a letter."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "ArrowUp": 38, "Escape": 27}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        what = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        self.call("Input.dispatchKeyEvent", type="keyDown", **what, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **what)

    def picture(self, path: Path) -> Path:
        """Save the whole page as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def paper(self, path: Path) -> Path:
        """Print the page to a PDF."""
        done = self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)
        path.write_bytes(base64.b64decode(done["data"]))
        return path
