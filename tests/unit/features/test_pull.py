"""API pull: only consented firms are asked about, and only an answer to our question lands."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import pytest

from features.errors import MappingError, ProviderError, RequestError
from features.identifiers import synthetic_uscc
from features.pull.client import Client
from features.pull.pull import PullOrder, PullReport, pull
from features.scope import Purpose
from tests.factories import NOW, Desk, write_csv
from tests.providers import PATIENCE, FakeProvider, Request, running

MAPPING = """
dataset: invoice_month
provider: {name: 税务局}
columns:
  uscc: uscc
  consent_id: consent_id
  month: month
  out_amount: out_amount
  out_count: out_count
  red_amount: red_amount
  in_amount: in_amount
  in_count: in_count
"""
TODAY = NOW.date()
SECRET = "s3cret-plain"  # noqa: S105 - not one
MONTHS = ("202510", "202511")


def records(request: Request) -> list[dict[str, object]]:
    """Two months of a firm; numbers of every way JSON writes them."""
    return [
        {
            "uscc": request["uscc"],
            "month": month,
            "out_amount": 1000.10,
            "out_count": 3,
            "red_amount": "0",
            "in_amount": "12.50",
            "in_count": 1,
            "contact": "13800138000",  # mapped by nobody
        }
        for month in MONTHS
    ]


def firm(number: int) -> str:
    return synthetic_uscc("pull", f"E{number}")


@dataclass
class PullDesk(Desk):
    """A desk whose firms are E0, E1, …; those in `consented` let the platform ask for invoices."""

    pauses: list[float] = field(default_factory=list[float])

    def register(self, count: int, consented: int) -> None:
        rows = [["uscc", "name"], *([firm(n), f"第{n}厂"] for n in range(count))]
        self.ingest(write_csv(self.root / "reg.csv", rows), mapping=self.identity("reg_basic"))
        if consented:
            self.consent("granted", range(consented))

    def consent(
        self,
        event: str,
        firms: "range | list[int]",
        purpose: str = "apply",
        until: str = "2026-12-31",
    ) -> None:
        header = ["uscc", "event_id", "consent_id", "event", "occurred_at", "grantee", "purpose"]
        header += ["scopes", "valid_from", "valid_to"]
        said = ["2026-01-02 08:00:00", "platform", purpose, "invoice", "2026-01-01", until]
        rows = [[firm(n), f"{event}{n}", f"C{n}", event, *said] for n in firms]
        path = write_csv(self.root / f"{event}.csv", [header, *rows])
        self.ingest(path, mapping=self.identity("consent_event"), now=NOW)

    def pull(
        self,
        provider: FakeProvider,
        text: str = "",
        *,
        as_of: date = TODAY,
        secret: str | None = None,
        clock: Callable[[], datetime] = lambda: NOW,
        mapping: str = MAPPING,
    ) -> PullReport:
        endpoint = provider.endpoint(self.root, text)
        client = Client(endpoint, secret, wall_seconds=lambda: 1e9, pause=self.pauses.append)
        ids = (f"id-{len(provider.requests)}-{n}" for n in itertools.count())
        order = PullOrder(self.mapping(mapping, "invoice_month"), as_of, Purpose.APPLY)
        try:
            return pull(
                order,
                client,
                self.lake,
                self.vault,
                self.catalogue,
                clock=clock,
                token=lambda: next(ids),
            )
        finally:
            client.close()


@pytest.fixture
def desk(tmp_path: Path) -> PullDesk:
    return PullDesk(tmp_path)


def test_sound_answers_land_as_one_batch_under_their_consent(desk: PullDesk) -> None:
    desk.register(4, consented=3)
    with running(FakeProvider(records)) as provider:
        report = desk.pull(provider)
        commits = desk.lake.view().version
        again = desk.pull(provider)
    assert (report.asked, report.answered, report.records, report.landed) == (3, 3, 6, 6)
    assert (report.refused, report.skipped, report.is_clean) == ({}, {"no_consent": 1}, True)
    assert {seen["uscc"] for seen in provider.requests} == {firm(n) for n in range(3)}
    assert provider.requests[0]["since"] == "2023-01-16"  # 1095 days before 2026-01-15
    rows = desk.rows("invoice_month")
    assert {(row["uscc"], row["consent_id"]) for row in rows} == {
        (firm(n), f"C{n}") for n in range(3)
    }
    # 1000.10 yuan as it was written is 100010 fen; read as a double it would need rounding.
    assert {row["out_amount_fen"] for row in rows} == {100_010}
    assert (again.answered, again.landed) == (3, 0)
    assert desk.lake.view().version == commits


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("hang", "timeout"),
        ("drip", "timeout"),
        ("drip_header", "timeout"),
        ("endless", "timeout"),
        ("drop", "connection"),
        ("cut_off", "connection"),
        ("error", "http_500"),
        ("forbidden", "http_403"),
        ("busy_for_an_hour", "http_429"),
        ("lie", "other_enterprise"),
        ("old", "wrong_request_id"),
        ("foreign", "other_enterprise"),
        ("future", "future"),
        ("past", "outside_period"),
        ("undated", "schema"),
        ("huge", "too_large"),
        ("many", "too_many_records"),
        ("text", "not_json"),
        ("nan", "not_json"),
        ("deep", "not_json"),
        ("redirect", "redirect"),
        ("schema", "schema"),
        ("nested", "schema"),
        ("half_character", "schema"),
    ],
)
def test_an_answer_that_cannot_be_trusted_is_refused_whole(
    desk: PullDesk, mode: str, reason: str
) -> None:
    desk.register(1, consented=1)
    before = desk.files()
    with running(FakeProvider(records, mode=lambda _: mode)) as provider:
        if reason == "timeout":
            provider.patience = PATIENCE
        report = desk.pull(provider)
    assert (report.asked, report.answered, report.landed) == (1, 0, 0)
    assert report.refused == {reason: 1}
    assert not report.is_clean
    assert desk.files() == before
    tries = 2 if reason in {"connection", "http_500"} else 1
    assert len(provider.requests) == tries  # nobody followed the redirect either


def test_a_repeated_answer_is_refused(desk: PullDesk) -> None:
    desk.register(2, consented=2)
    last = max(firm(0), firm(1))
    with running(
        FakeProvider(records, lambda uscc: "repeat" if uscc == last else "ok")
    ) as provider:
        report = desk.pull(provider, "concurrency: 1\n")
    assert (report.answered, report.refused) == (1, {"replayed": 1})
    assert last not in {row["uscc"] for row in desk.rows("invoice_month")}


def test_a_busy_provider_is_asked_again_when_it_says(desk: PullDesk) -> None:
    desk.register(1, consented=1)
    with running(FakeProvider(records, lambda _: "busy")) as provider:
        report = desk.pull(provider)
    assert (report.answered, desk.pauses) == (1, [2.0])
    # The same request again: it carries the same id.
    assert len({seen["request_id"] for seen in provider.requests}) == 1


def test_bad_rows_of_a_sound_answer_go_to_quarantine(desk: PullDesk) -> None:
    desk.register(3, consented=3)
    mode = {firm(2): "bad_row"}
    with running(FakeProvider(records, lambda uscc: mode.get(uscc, "ok"))) as provider:
        report = desk.pull(provider)
    assert (report.answered, report.landed, report.rejected) == (3, 4, 2)
    assert not report.is_clean
    assert {tuple(row["reasons"]) for row in desk.quarantine("invoice_month")} == {  # type: ignore[arg-type]
        ("out_count:not_an_integer",)
    }


def test_two_hundred_firms_of_whom_some_are_answered_badly(desk: PullDesk) -> None:
    desk.register(200, consented=190)
    bad = ["lie", "foreign", "text", "schema", "future", "redirect", "forbidden", "old"]
    modes = {firm(n): bad[n // 10] for n in range(0, 80, 10)}
    with running(FakeProvider(records, lambda uscc: modes.get(uscc, "ok"))) as provider:
        report = desk.pull(provider)
    assert (report.asked, report.answered, report.landed) == (190, 182, 364)
    assert sum(report.refused.values()) == 8
    assert report.refused["other_enterprise"] == 2
    assert report.skipped == {"no_consent": 10}
    landed = Counter(str(row["uscc"]) for row in desk.rows("invoice_month"))
    assert set(landed) == {firm(n) for n in range(190)} - set(modes)
    assert set(landed.values()) == {2}


def test_an_open_breaker_leaves_the_provider_alone(desk: PullDesk) -> None:
    desk.register(9, consented=9)
    text = "concurrency: 1\nbreaker: {failures: 3, pause_seconds: 60}\n"
    with running(FakeProvider(records, lambda _: "error")) as provider:
        report = desk.pull(provider, text)
        assert len(provider.requests) == 3 * 2
        assert (report.refused, report.openings) == ({"http_500": 3}, 1)
        assert report.skipped == {"breaker_open": 6}
        assert not report.is_clean
        provider.mode = lambda _: "ok"
        assert desk.pull(provider, text).answered == 9


def test_a_consent_revoked_meanwhile_stops_the_asking_and_the_landing(desk: PullDesk) -> None:
    desk.register(3, consented=3)
    order = sorted(range(3), key=firm)

    def revoke(_: Request) -> None:
        if len(provider.requests) == 1:
            desk.consent("revoked", order[:2])

    with running(FakeProvider(records, on_request=revoke)) as provider:
        report = desk.pull(provider, "concurrency: 1\n")
    assert [seen["uscc"] for seen in provider.requests] == [firm(order[0]), firm(order[2])]
    assert (report.answered, report.skipped) == (1, {"consent_ended": 2})
    assert {row["uscc"] for row in desk.rows("invoice_month")} == {firm(order[2])}


def test_a_consent_for_another_purpose_or_of_yesterday_asks_nobody(desk: PullDesk) -> None:
    desk.register(2, consented=0)
    desk.consent("granted", [0], purpose="research")
    desk.consent("narrowed", [1], until="2026-01-14")
    with running(FakeProvider(records)) as provider:
        report = desk.pull(provider)
    assert (provider.requests, report.asked, report.skipped) == ([], 0, {"no_consent": 2})


def test_requests_are_signed_and_the_secret_stays_home(desk: PullDesk) -> None:
    desk.register(1, consented=1)
    signed = "auth: {kind: hmac, key_id: k7, secret_variable: TAX_SECRET}\nmethod: GET\n"
    bearer = "auth: {kind: bearer, secret_variable: TAX_SECRET}\n"
    with running(FakeProvider(records)) as provider:
        desk.pull(provider, signed, secret=SECRET)
        desk.pull(provider, bearer, secret=SECRET)
        with pytest.raises(ProviderError, match="TAX_SECRET, which is not set"):
            desk.pull(provider, signed)
    first, second = provider.headers
    assert first["X-Key-Id"] == "k7"
    assert first["X-Timestamp"] == "1000000000"
    assert len(first["X-Signature"]) == 64
    assert SECRET not in repr(first)
    assert second["Authorization"] == f"Bearer {SECRET}"
    for path in desk.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_an_order_that_cannot_be_is_refused_before_anyone_is_asked(desk: PullDesk) -> None:
    desk.register(1, consented=1)
    with running(FakeProvider(records)) as provider:
        with pytest.raises(RequestError, match="2026-01-16 lies in the future"):
            desk.pull(provider, as_of=date(2026, 1, 16))
        with pytest.raises(MappingError, match="does not take 'consent_id' from a column"):
            desk.pull(provider, mapping=MAPPING.replace(": consent_id", ": {constant: C0}"))
    assert provider.requests == []
