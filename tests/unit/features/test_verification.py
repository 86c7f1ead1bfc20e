"""Verification: the answer is kept, the asked value is nowhere."""

import hashlib
import logging
import traceback
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.errors import ProviderError, RequestError, ScopeError, XinqiaoError
from features.pull.client import Client
from features.scope import Purpose
from features.verification import Outcome, Question, Verdict, verify
from tests.factories import NOW, USCCS, Desk, write_csv
from tests.providers import PATIENCE, FakeProvider, Request, running

VALUE = "欠税-7316-PLANTED"
FIRM, SILENT = USCCS[0], USCCS[1]
OFFER = "questions: {sales_of_year: {zh: 年销售额, en: Sales of the year}}\n"


def answers(said: object) -> FakeProvider:
    provider = FakeProvider(lambda _: [])
    honest = FakeProvider.answer

    def answer(request: Request) -> dict[str, object]:
        return honest(provider, request) | {"answer": said}

    provider.answer = answer  # type: ignore[method-assign]
    return provider


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    rows = [["uscc", "name"], [FIRM, "一厂"], [SILENT, "二厂"]]
    desk.ingest(write_csv(tmp_path / "reg.csv", rows), mapping=desk.identity("reg_basic"))
    header = ["uscc", "event_id", "consent_id", "event", "occurred_at", "grantee", "purpose"]
    header += ["scopes", "valid_from", "valid_to"]
    said = [FIRM, "e", "C1", "granted", "2026-01-02 08:00:00", "platform", "apply", "invoice"]
    path = write_csv(tmp_path / "consent.csv", [header, [*said, "2026-01-01", "2026-12-31"]])
    desk.ingest(path, mapping=desk.identity("consent_event"))
    return desk


def ask(
    desk: Desk,
    provider: FakeProvider,
    *,
    uscc: str = FIRM,
    question: str = "sales_of_year",
    value: str = VALUE,
    now: datetime = NOW,
) -> Outcome:
    client = Client(provider.endpoint(desk.root, OFFER), None, pause=lambda _: None)
    try:
        return verify(
            Question("invoice_month", question, uscc, value),
            client,
            desk.lake,
            desk.vault,
            desk.catalogue,
            purpose=Purpose.APPLY,
            clock=lambda: now,
            token=lambda: "v1",
        )
    finally:
        client.close()


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("mismatch", "mismatch"),
        ("perhaps", "unavailable"),
        (None, "unavailable"),
        (True, "unavailable"),
        (["yes"], "unavailable"),
    ],
)
def test_the_answer_lands_under_its_consent(desk: Desk, said: object, verdict: str) -> None:
    with running(answers(said)) as provider:
        assert ask(desk, provider).verdict == verdict
    assert [seen["value"] for seen in provider.requests] == [VALUE]
    (row,) = desk.rows("verification_result")
    assert (row["answer"], row["question"]) == (verdict, "invoice_month:sales_of_year")
    assert (row["under_consent"], row["provider"], row["asked_at"]) == ("C1", "税务局", NOW)


@pytest.mark.parametrize(
    "mode", ["hang", "error", "lie", "old", "text", "huge", "redirect", "drop"]
)
def test_an_answer_that_cannot_be_trusted_is_no_answer(desk: Desk, mode: str) -> None:
    provider = answers("yes")
    provider.mode = lambda _: mode
    if mode == "hang":
        provider.patience = PATIENCE
    with running(provider):
        outcome = ask(desk, provider)
    assert outcome.verdict is Verdict.UNAVAILABLE
    assert outcome.reason is not None
    assert [row["answer"] for row in desk.rows("verification_result")] == ["unavailable"]


def test_without_a_live_consent_nobody_is_asked(desk: Desk) -> None:
    late = datetime.fromisoformat("2027-01-01T00:00:00")
    with running(answers("yes")) as provider:
        before = desk.files()
        for uscc, now in ((SILENT, NOW), (USCCS[2], NOW), (FIRM, late)):
            with pytest.raises(ScopeError, match="no live consent to platform for apply"):
                ask(desk, provider, uscc=uscc, now=now)
        with pytest.raises(ProviderError, match="Did you mean 'sales_of_year'"):
            ask(desk, provider, question="sales_of_yaer")
        with pytest.raises(RequestError, match="No value was given"):
            ask(desk, provider, value=" ")
    assert provider.requests == []
    assert desk.files() == before


def test_questions_never_travel_in_an_address(desk: Desk) -> None:
    with pytest.raises(ProviderError, match="questions are sent by POST"):
        FakeProvider(lambda _: []).endpoint(desk.root, OFFER + "method: GET\n")


@pytest.mark.parametrize("mode", ["leaky", "ok", "hang", "error", "lie", "text", "drop"])
def test_the_asked_value_is_nowhere(
    desk: Desk,
    mode: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(scratch)
    caplog.set_level(logging.DEBUG)
    texts = [repr(Question("invoice_month", "sales_of_year", FIRM, VALUE))]
    provider = answers("yes")
    provider.mode = lambda _: mode
    if mode == "hang":
        provider.patience = PATIENCE
    with running(provider):
        texts.append(repr(ask(desk, provider)))
        for wrong in ({"uscc": SILENT}, {"question": "other"}):
            with pytest.raises(XinqiaoError, match=r"nobody was asked|takes no question") as failed:
                ask(desk, provider, **wrong)  # type: ignore[arg-type]
            texts += traceback.format_exception(failed.value)
            texts += [failed.value.en, failed.value.zh]
    texts += [caplog.text, *capfd.readouterr()]
    assert_nowhere(tmp_path, texts)


def assert_nowhere(folder: Path, texts: list[str]) -> None:
    """Neither the value nor a plain hash of it, in any file or text."""
    raw = VALUE.encode()
    digests = [hashlib.new(name, raw).hexdigest() for name in ("md5", "sha1", "sha256")]
    wanted = [VALUE, "7316-PLANTED", *digests]
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        content = path.read_bytes()
        assert not [word for word in wanted if word.encode() in content], path
        assert not [word for word in digests if bytes.fromhex(word) in content], path
        if path.suffix == ".parquet":
            texts.append(repr(pq.read_table(path).to_pylist()))
    assert not [word for word in wanted if any(word in text for text in texts)]
