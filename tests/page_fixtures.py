"""Fixtures of the tests of pages: a town with valid codes, a server, a browser; made when asked for."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

from tests.databases import Ledger

if TYPE_CHECKING:
    from tests.browsing import Site, Tabs
    from tests.rated_town import Town


@pytest.fixture(scope="session")
def lawful_town(tmp_path_factory: pytest.TempPathFactory) -> "Town":
    from tests.access_world import code  # noqa: PLC0415 - loads the service
    from tests.browsing import require_chromium  # noqa: PLC0415 - loads the driver

    require_chromium()
    from tests.rated_town import make_town  # noqa: PLC0415 - loads LightGBM

    return make_town(tmp_path_factory.mktemp("town"), code)


@pytest.fixture(scope="module")
def place(ledger: Ledger, lawful_town: "Town") -> Generator["Site"]:
    from tests.browsing import site  # noqa: PLC0415 - see above

    addresses = ledger.clone()
    with site(addresses, before=lawful_town.move_in) as started:
        started.hands.institution()
        started.hands.sql("UPDATE institution SET name_zh = '测试农商银行', name_en = 'Test Bank'")
        yield started
    ledger.drop(addresses)


@pytest.fixture(scope="module")
def browser(place: "Site") -> Generator["Tabs"]:
    from tests.browsing import browsing  # noqa: PLC0415 - see above

    with browsing(place.url) as opened:
        yield opened


@pytest.fixture
def tabs(browser: "Tabs") -> Generator["Tabs"]:
    yield browser
    browser.close()
