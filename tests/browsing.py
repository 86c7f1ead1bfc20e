"""A real server on loopback and a real Chromium: what tests of pages stand on.

::

    with site(addresses, before=town.move_in) as started, browsing(started.url) as browser:
        tab = browser.tab()
        tab.goto("/login")

A tab fails its test if a page asks another host for anything, or the console has an error. All names,
codes and passwords are invented.
"""

import asyncio
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, sync_playwright

from serving.app import create_app
from serving.audit.heads import Custody
from serving.audit.sealer import seal
from serving.auth.passwords import hash_password
from serving.database.addresses import Addresses
from serving.observe.log import make_log
from serving.settings import Settings
from tests.service import Clock, Running

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "a fine long phrase"  # noqa: S105 - of nobody
_HASHED = hash_password(PASSWORD)
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


def require_chromium() -> None:
    """Skip where there is no browser; CI has one."""
    if Path(CHROMIUM).exists():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must have {CHROMIUM}: .ci/run installs it")
    pytest.skip(f"no {CHROMIUM}: apt-get install chromium fonts-noto-cjk")


class Ticking(Clock):
    """A second passes with every look at it, so that nobody asks too fast."""

    def __call__(self) -> datetime:
        """The time now."""
        self.move(seconds=1)
        return self.now


@dataclass
class Site:
    """The application behind a socket of loopback, and hands to put people and things into its ledger."""

    url: str
    hands: Running
    home: Path

    def member(self, role: str, tenant: str = "", *, level: int = 2) -> str:
        """Somebody new who can log in with `PASSWORD`; its login."""
        person = self.hands.person(role, tenant, real_name_level=level)
        found = self.hands.sql(
            "UPDATE person SET password_hash = %(hash)s WHERE person_id = %(id)s RETURNING login",
            hash=_HASHED,
            id=person.id,
        )
        return str(found[0][0])

    def also(self, login: str, role: str, tenant: str = "") -> None:
        """Another role of the same person."""
        self.hands.sql(
            "INSERT INTO membership (person_id, role, tenant, granted_at) "
            "SELECT person_id, %(role)s, %(tenant)s, %(now)s FROM person WHERE login = %(login)s",
            role=role,
            tenant=tenant,
            now=self.hands.clock.now,
            login=login,
        )

    def seal(self) -> None:
        """Sign a head over everything on record, as the upkeep does every two seconds."""
        custody = Custody(self.home / "audit", self.home / "vault" / "audit")
        with psycopg.connect(self.hands.addresses.sealer, autocommit=True) as connection:
            seal(connection, custody, self.hands.clock.now)


@contextmanager
def site(
    addresses: Addresses, *, before: Callable[[Path], None] = lambda _: None
) -> Generator[Site]:
    """Serve the application until the block ends."""
    home = Path(tempfile.mkdtemp(prefix="site-"))
    before(home)
    clock, logged = Ticking(), StringIO()
    settings = Settings(home=home, database=addresses.app)
    app = create_app(settings, clock=clock, log=make_log(logged))
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    hands = Running(app, addresses, clock, logged, asyncio.Runner(), httpx.AsyncClient())
    try:
        yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}", hands, home)
    finally:
        hands.close()
        server.should_exit = True
        thread.join(20)
        listening.close()
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Tabs:
    """Tabs of one browser, and what went wrong in them."""

    url: str
    browser: Browser
    wrong: list[str] = field(default_factory=list[str])
    contexts: list[BrowserContext] = field(default_factory=list[BrowserContext])

    def tab(
        self, *, width: int = 1280, language: str = "zh-CN", scripts: bool = True, **more: Any
    ) -> Page:
        """A tab of somebody nobody knows yet."""
        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": 900},
            locale=language,
            java_script_enabled=scripts,
            **more,
        )
        context.set_default_timeout(10_000)
        context.route("**/*", self._pass)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        return page

    def logged_in(self, login: str, **more: Any) -> Page:
        """A tab of somebody who has logged in."""
        tab = self.tab(**more)
        tab.goto("/login")
        tab.fill("#login", login)
        tab.fill("#password", PASSWORD)
        tab.click("main button")
        return tab

    def close(self) -> None:
        """Close every tab; none may have said anything wrong."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()
        said, self.wrong = self.wrong, []
        assert said == []

    def _pass(self, route: Route) -> None:
        if not route.request.url.startswith(self.url):
            self.wrong.append(f"asked another host: {route.request.url}")
            route.abort()
            return
        route.continue_()

    def _hear(self, kind: str, text: str) -> None:
        # A refusal is a page with a status of its own, which the console repeats.
        if kind in {"error", "warning"} and "the server responded with a status of 4" not in text:
            self.wrong.append(text)


@contextmanager
def browsing(url: str) -> Generator[Tabs]:
    """A Chromium until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield Tabs(url, browser)
        finally:
            browser.close()


def follow(target: Locator) -> None:
    """Click, and come back when the page it leads to has loaded."""
    with target.page.expect_navigation():
        target.click()
