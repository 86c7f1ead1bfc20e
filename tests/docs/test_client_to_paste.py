"""The client a bank may paste, at work against the whole application."""

import sys
from collections.abc import Generator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from serving.database.addresses import Addresses
from serving.ratings.batches.work import work_batches
from tests.consents_by_hand import grant
from tests.rated_town import Town, make_town
from tests.service import BANK, Running, service

CLIENT = Path(__file__).parents[2] / "docs/how-to/xinqiao_client.py"
MAY = ["rating:create", "rating:read", "rating:replay", "rating_batch:create", "rating_batch:read"]
MOST_LINES = 120


class ThroughTheApplication(httpx.BaseTransport):
    """Sends what the client sends into the application; the first answer of each kind is lost."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.lost: set[str] = set()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.running.ask(
            request.method,
            request.url.raw_path.decode(),
            content=request.read(),
            headers=dict(request.headers),
        )
        if request.url.path == "/v1/ratings" and not self.lost:
            self.lost.add(request.url.path)
            raise httpx.ReadError("the line broke")
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return make_town(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def running(fresh_database: Addresses, town: Town) -> Generator[Running]:
    with service(fresh_database, before=town.move_in) as started:
        yield started


@pytest.fixture(scope="module")
def pasted() -> ModuleType:
    spec = spec_from_file_location("xinqiao_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["xinqiao_client"] = module
    spec.loader.exec_module(module)
    return module


def _at_once(_: float) -> None:
    """Nobody sleeps in a test."""


def test_a_bank_rates_orders_and_collects(
    running: Running, town: Town, pasted: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pasted.time, "sleep", _at_once)
    first, second, third, *_ = town.usccs
    grant(running, first, "tax", "invoice")
    grant(running, second, "tax", purpose="postloan")
    program = running.bank(MAY)
    secret = program.id.replace("A-", "S-")  # as `tests.service` gives them
    with httpx.Client(
        transport=ThroughTheApplication(running), base_url="http://xinqiao.test"
    ) as http:
        bank = pasted.XinqiaoClient(http, program.id, secret)
        rating = bank.rate(first, require=["tax"])
        assert bank.rating(rating["rating_id"]) == rating
        assert bank.replay(rating["rating_id"])["outcome"] == "equal"
        with pytest.raises(pasted.RefusedError, match="tax") as refused:
            bank.rate(third, require=["tax"])
        assert refused.value.need_authorisation == ["tax"]
        batch_id = bank.order([second, third])
        running.run(work_batches(running.house, running.clock.now))
        assert bank.progress(batch_id)["state"] == "done"
        rows = list(bank.result(batch_id))
        assert [row["state"] for row in rows] == ["rated", "refused"]
        assert rows[0]["rating"]["uscc"] == second
    # The answer that was lost had been given: the rating was made once.
    counted = running.sql(
        "SELECT count(*) FROM rating WHERE uscc = %(uscc)s AND institution = %(bank)s",
        uscc=first,
        bank=BANK,
    )
    assert counted == [(1,)]


def test_it_is_short_enough_to_paste() -> None:
    assert len(CLIENT.read_text("utf-8").splitlines()) <= MOST_LINES
