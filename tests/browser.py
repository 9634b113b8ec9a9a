"""A real browser without a window, for tests of pages: Debian's own Chromium, driven by Selenium.

Where there is none and we may, Debian's packages are installed, as those of the servers are. Where
that can't be (no root, or Ubuntu, whose package is a stub for snap), the tests are skipped and say
what to install.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from deploy.local import packages
from deploy.local.problems import Problem

PACKAGES = ("chromium", "chromium-driver")
PHONE = (390, 844)
LOAD_WITHIN_S = 20
SEEN_WITHIN_S = 5

T = TypeVar("T")


class Browser:
    """One window. Every call goes to a thread, since Selenium waits and our servers must not."""

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome

    async def open(self, url: str) -> None:
        """Goes there and waits until it is loaded."""
        await asyncio.to_thread(self._chrome.get, url)

    async def address(self) -> str:
        """Where the window is."""
        return await asyncio.to_thread(lambda: self._chrome.current_url)

    async def text(self) -> str:
        """All that can be read on the page."""
        return await self._on_page(By.TAG_NAME, "body", lambda body: body.text)

    async def sees(self, *words: str) -> str:
        """All that can be read, once these words are there: a click may still load a page."""
        text, until = "", asyncio.get_running_loop().time() + SEEN_WITHIN_S
        while asyncio.get_running_loop().time() < until:
            text = await self.text()
            if all(word in text for word in words):
                return text
            await asyncio.sleep(0.05)
        raise AssertionError(f"{words} did not come; what can be read is: {text}")

    async def click(self, label: str) -> None:
        """Clicks the button or link that reads so."""
        where = f"//*[self::button or self::a][normalize-space()='{label}']"
        await self._on_page(By.XPATH, where, lambda found: found.click())

    async def fill(self, name: str, value: str) -> None:
        """Types into a field of a form and sends the form."""
        await self._on_page(By.NAME, name, lambda field: field.send_keys(value))
        await self._on_page(By.NAME, name, lambda field: field.submit())

    async def run(self, script: str) -> object:
        """What a script on the page returns."""
        return await asyncio.to_thread(self._chrome.execute_script, script)

    async def style(self, selector: str, of: str) -> str:
        """How an element looks, after all style sheets."""
        return await self._on_page(
            By.CSS_SELECTOR, selector, lambda found: found.value_of_css_property(of)
        )

    async def complaints(self) -> list[str]:
        """What the browser itself found wrong, such as content that the policy forbids."""
        entries = await asyncio.to_thread(self._chrome.get_log, "browser")
        return [entry["message"] for entry in entries if "favicon.ico" not in entry["message"]]

    async def is_too_wide(self) -> bool:
        """Whether the page must be moved sideways to be read."""
        wide = "return document.documentElement.scrollWidth > window.innerWidth"
        return bool(await self.run(wide))

    async def picture(self, file: Path) -> None:
        """What a person would see, as PNG."""
        await asyncio.to_thread(self._chrome.save_screenshot, str(file))

    async def _on_page(self, by: str, where: str, does: Callable[[WebElement], T]) -> T:
        """Does it with an element that may not be there yet, or belong to the page before."""
        until = asyncio.get_running_loop().time() + SEEN_WITHIN_S
        while True:
            try:
                return await asyncio.to_thread(lambda: does(self._chrome.find_element(by, where)))
            except WebDriverException:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.05)


@asynccontextmanager
async def a_browser(
    *, size: tuple[int, int] = PHONE, language: str = "zh-CN"
) -> AsyncGenerator[Browser, None]:
    """A window of its own, nothing remembered; skips the test where there is no browser."""
    if missing := await asyncio.to_thread(_missing):
        pytest.skip(missing)
    chrome = await asyncio.to_thread(_opened, size, language)
    try:
        yield Browser(chrome)
    finally:
        await asyncio.to_thread(chrome.quit)


@cache
def _missing() -> str:
    """Why there is no browser, once all was done to have one; empty if there is one."""
    if _programs() is None and packages.can_install():
        try:
            packages.install(PACKAGES)
        except Problem as problem:
            return f"no browser: {problem}"
    if _programs() is None:
        return f"no browser: install {' and '.join(PACKAGES)} (Debian) as root"
    return ""


def _programs() -> tuple[str, str] | None:
    """Chromium and its driver, if both are there and really run."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if not all(found):
        return None
    for program in found:
        done = subprocess.run([str(program), "--version"], capture_output=True, check=False)
        if done.returncode != 0:
            return None
    return str(found[0]), str(found[1])


def _opened(size: tuple[int, int], language: str) -> Chrome:
    programs = _programs()
    assert programs is not None
    options = ChromeOptions()
    options.binary_location = programs[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    wide, high = size
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        f"--window-size={wide},{high}",
        f"--lang={language}",
        f"--accept-lang={language}",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium as root needs this
    ):
        options.add_argument(argument)
    chrome = Chrome(options=options, service=Service(programs[1]))
    chrome.set_page_load_timeout(LOAD_WITHIN_S)
    # A window can't be narrower than 500 pixels; what the page believes can.
    metrics = {"width": wide, "height": high, "deviceScaleFactor": 2, "mobile": wide < 500}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    if metrics["mobile"]:
        said = f"{chrome.execute_script('return navigator.userAgent')} Mobile"
        wish = {"userAgent": said, "acceptLanguage": language}
        chrome.execute_cdp_cmd("Emulation.setUserAgentOverride", wish)
    return chrome
