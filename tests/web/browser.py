"""Chromium for the tests of the page."""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = ("--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that is installed here; skips the test if there is none. LOOKALIKE_CHROMIUM is the path of another."""
    path = os.environ.get("LOOKALIKE_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on this machine; install the package chromium, or set LOOKALIKE_CHROMIUM")
    flags = [*_FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@dataclass
class Tab:
    """A page of the browser, and what went wrong on it."""

    page: Page
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    @classmethod
    def open(cls, context: BrowserContext, address: str, query: str = "") -> Tab:
        """Open the page of a server, and wait for what it shows."""
        tab = cls(context.new_page())
        tab.page.on("console", lambda message: tab._hear(message.type, message.text))
        tab.page.on("pageerror", lambda error: tab.problems.append(str(error)))
        tab.page.on("request", lambda request: tab.hosts.add(request.url.split("/")[2]))
        tab.page.goto(f"{address}/{query}")
        tab.page.wait_for_selector("#bar .field")
        return tab

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.problems.append(text)

    def drop(self, file: Path, at: tuple[float, float] = (0.25, 0.5)) -> None:
        """Drop a file on the page, at these shares of its width and height."""
        place = f"clientX: {at[0]} * innerWidth, clientY: {at[1]} * innerHeight"
        events = f"new DragEvent(name, {{dataTransfer, bubbles: true, cancelable: true, {place}}})"
        self._send(file, f"for (const name of ['dragenter', 'dragover', 'drop']) window.dispatchEvent({events})")

    def drag(self, *, is_over: bool = True) -> None:
        """Drag a file over the page, or away from it."""
        name = "dragenter" if is_over else "dragleave"
        self.page.evaluate(
            f"""() => {{
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File(["x"], "x.png", {{type: "image/png"}}));
                window.dispatchEvent(new DragEvent("{name}", {{dataTransfer, bubbles: true}}));
            }}"""
        )

    def paste(self, file: Path) -> None:
        """Paste a file."""
        event = "new ClipboardEvent('paste', {clipboardData: dataTransfer, bubbles: true})"
        self._send(file, f"window.dispatchEvent({event})")

    def _send(self, file: Path, dispatch: str) -> None:
        before = self.page.evaluate("location.search")
        content = base64.b64encode(file.read_bytes()).decode()
        self.page.evaluate(
            f"""([content, name]) => {{
                const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([bytes], name, {{type: "image/png"}}));
                {dispatch};
            }}""",
            [content, file.name],
        )
        self.page.wait_for_function(
            """(before) => {
                const now = location.search;
                return now !== before && now.includes("upload") && !document.querySelector("[aria-busy]");
            }""",
            arg=before,
        )

    def hits(self, count: int = 1) -> list[str]:
        """The names of the images that are shown, once there are so many hits and their images are painted."""
        self.page.wait_for_function(
            """(count) => {
                if (document.querySelector("[aria-busy]")) return false;
                const images = [...document.querySelectorAll(".grid .tile img")];
                const words = document.querySelectorAll(".grid .tile .match, .grid .tile .name");
                const isReady = images.length >= count && words.length >= count;
                return isReady && images.slice(0, count).every((one) => one.complete && one.naturalWidth > 0);
            }""",
            arg=count,
        )
        return self.page.locator(".grid .tile .name").all_inner_texts()

    def shown(self, selector: str = ".grid .tile img.there") -> int:
        """How many elements of this kind there are, once there is one."""
        self.page.wait_for_selector(selector)
        return self.page.locator(selector).count()

    def evaluate(self, script: str) -> Any:
        """The value of a script."""
        return self.page.evaluate(script)
