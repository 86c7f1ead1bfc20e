"""A town with valid codes, a server and a browser for tests of pages."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from tests.browsing import Site, Tabs, browsing, require_chromium, site
from tests.databases import Ledger

if TYPE_CHECKING:
    from tests.rated_town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> "Town":
    require_chromium()
    from tests.access_world import code  # noqa: PLC0415 - loads the service
    from tests.rated_town import make_town  # noqa: PLC0415 - loads LightGBM

    return make_town(tmp_path_factory.mktemp("town"), code)


@pytest.fixture(scope="module")
def place(ledger: Ledger, town: "Town") -> Generator[Site]:
    addresses = ledger.clone()
    with site(addresses, before=town.move_in) as started:
        started.hands.institution()
        started.hands.sql("UPDATE institution SET name_zh = '测试农商银行', name_en = 'Test Bank'")
        yield started
    ledger.drop(addresses)


@pytest.fixture(scope="module")
def browser(place: Site) -> Generator[Tabs]:
    with browsing(place.url) as opened:
        yield opened


@pytest.fixture
def tabs(browser: Tabs) -> Generator[Tabs]:
    yield browser
    browser.close()
