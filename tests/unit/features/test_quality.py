"""The quality report on worked deliveries: two providers, three months, one late, one missing, rejects."""

import csv
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from features.errors import CatalogueError, QualityError
from features.quality.calendar import Calendar
from features.quality.duties import Duty, load_duties
from features.quality.page import render_page
from features.quality.periods import period_of, periods_due
from features.quality.rejects import write_rejects
from features.quality.report import QualityReport, SourceQuality, make_report, rank
from tests.factories import Desk, with_penalties, write_csv

USCC = "91350100M000100Y43"
HEADER = [
    "uscc",
    "consent_id",
    "month",
    "out_amount",
    "out_count",
    "red_amount",
    "in_amount",
    "in_count",
    "buyer_count",
]
MAPPING = """
dataset: invoice_month
provider: {{name: {provider}}}
columns: {{{columns}}}
"""
AS_OF = date(2026, 4, 30)


def month_row(month: int, *, out: str = "100", buyers: str = "") -> list[str]:
    return [USCC, "C-1", str(month), out, "1", "0", "50", "1", buyers]


def deliver(desk: Desk, provider: str, at: str, rows: list[list[str]], name: str) -> None:
    path = write_csv(desk.root / f"{name}.csv", [HEADER, *rows])
    text = MAPPING.format(provider=provider, columns=", ".join(f"{c}: {c}" for c in HEADER))
    mapping = desk.mapping(text, "invoice_month", name=provider)
    desk.ingest(path, mapping=mapping, now=datetime.fromisoformat(at))


def register(desk: Desk) -> None:
    path = write_csv(
        desk.root / "register.csv", [["uscc", "name"], [USCC, "甲"], ["91371302MA3TE5T11E", "乙"]]
    )
    desk.ingest(
        path, mapping=desk.identity("reg_basic"), now=datetime.fromisoformat("2025-12-31T12:00")
    )


@pytest.fixture
def worked(tmp_path: Path) -> Desk:
    """Monthly data, due 5 days after the month. North: January on time, February late, March on time with
    a bad row; South: January on time, February missing, March on time.
    """
    desk = Desk(tmp_path / "desk")
    register(desk)
    deliver(desk, "north", "2026-02-05T12:00", [month_row(202601, buyers="3")], "n1")
    deliver(desk, "north", "2026-03-09T12:00", [month_row(202602)], "n2")
    bad = month_row(202604, out="=1+1")
    deliver(desk, "north", "2026-04-02T12:00", [month_row(202603), bad], "n3")
    deliver(desk, "south", "2026-02-01T12:00", [month_row(202601, out="7")], "s1")
    deliver(desk, "south", "2026-04-05T23:00", [month_row(202603, out="7")], "s3")
    return desk


def report_of(desk: Desk, as_of: date = AS_OF, **options: str) -> QualityReport:
    now = datetime.fromisoformat("2026-05-10T12:00")
    return make_report(
        desk.lake.view(),
        with_penalties(),
        as_of,
        now=now,
        dataset=options.get("dataset", "invoice_month"),
        provider=options.get("provider"),
    )


def calendar_of(source: SourceQuality) -> Calendar:
    assert source.calendar is not None
    return source.calendar


def test_rates_of_two_providers_over_three_months(worked: Desk) -> None:
    north, south = report_of(worked).sources
    # Due by 30 April: January (5 Feb), February (5 Mar), March (5 Apr); April is due on 5 May.
    found = calendar_of(north)
    assert [(m.month, m.required, m.delivered, m.on_time) for m in found.months] == [
        (202601, 1, 1, 1),
        (202602, 1, 1, 0),  # 9 March is after 5 March
        (202603, 1, 1, 1),
    ]
    assert (found.rate, found.late, found.missing) == (1.0, ("2026-02",), ())
    # South: 2 of 3; 5 April 23:00 is still the due day.
    found = calendar_of(south)
    assert (found.delivered, found.required, found.on_time) == (2, 3, 2)
    assert found.missing == ("2026-02",)


def test_counts_reasons_and_completeness(worked: Desk) -> None:
    north = report_of(worked).sources[0]
    # Three files of 1 + 1 + 2 rows; the amount '=1+1' of the last one is rejected. 1 + 2 + 1 = 4 = 3 + 1.
    assert (north.files, north.delivered, north.landed, north.rejected) == (3, 4, 3, 1)
    assert north.reasons == (("out_amount:not_an_amount", 1),)
    # South's March came after north's under the same key and replaced it; its January came before. So
    # north's January (3 buyers) and February (none) are current: 1 / 2.
    assert north.completeness["buyer_count"] == 0.5


def test_completeness_is_the_share_of_current_rows(worked: Desk) -> None:
    # By the end of February only January has come, and north's (5 Feb) replaced south's (1 Feb): 1 / 1.
    north = report_of(worked, date(2026, 2, 28), provider="north").sources[0]
    assert north.completeness["buyer_count"] == 1.0
    assert north.completeness["void_count"] == 0.0


def test_timeliness_counts_started_days_after_the_event(worked: Desk) -> None:
    north = report_of(worked).sources[0].timeliness
    # End of January to 5 Feb 12:00: started days 5; February to 9 March: 9; March to 2 April: 2.
    # Allowed are 5, so 2 of 3 rows are on time; sorted 2, 5, 9: median 5, p90 9.
    assert (north.rows, north.on_time, north.median_days, north.p90_days) == (3, 2, 5, 9)


def test_a_back_history_is_marked(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk")
    register(desk)
    columns = ", ".join(f"{c}: {c}" for c in HEADER)
    text = (
        MAPPING.format(provider="north", columns=columns)
        + "available_at: {after: month, days: 5}\n"
    )
    path = write_csv(desk.root / "history.csv", [HEADER, month_row(202601), month_row(202602)])
    desk.ingest(
        path,
        mapping=desk.mapping(text, "invoice_month"),
        now=datetime.fromisoformat("2026-04-20T12:00"),
    )
    found = calendar_of(report_of(desk).sources[0])
    # Five days after the month's end is on time, but it is the mapping that says so. March never came.
    assert (found.required, found.on_time, found.dated_back, found.missing) == (
        3,
        2,
        2,
        ("2026-03",),
    )


def test_enterprises_covered_are_those_under_live_consent(worked: Desk) -> None:
    path = write_csv(
        worked.root / "consents.csv",
        [
            [
                "uscc",
                "event_id",
                "consent_id",
                "event",
                "occurred_at",
                "grantee",
                "purpose",
                "scopes",
                "valid_from",
                "valid_to",
            ],
            [
                USCC,
                "1",
                "C-1",
                "granted",
                "2026-01-01 09:00:00",
                "bank",
                "apply",
                "invoice",
                "2026-01-01",
                "2026-12-31",
            ],
            [
                "91371302MA3TE5T11E",
                "2",
                "C-2",
                "granted",
                "2026-01-01 09:00:00",
                "bank",
                "apply",
                "invoice",
                "2026-01-01",
                "2026-12-31",
            ],
        ],
    )
    worked.ingest(
        path,
        mapping=worked.identity("consent_event"),
        now=datetime.fromisoformat("2026-01-02T12:00"),
    )
    covered = report_of(worked).coverage["invoice_month"]
    # Two firms consent, one of them has rows in January; nobody has any in April.
    assert (covered.base, covered.share(202601), covered.share(202604)) == (2, 0.5, 0.0)


def test_without_consent_nobody_should_be_covered(worked: Desk) -> None:
    assert report_of(worked).coverage["invoice_month"].share(202601) is None


def test_a_stated_duty_counts_for_who_never_delivered(worked: Desk, tmp_path: Path) -> None:
    path = tmp_path / "duties.yaml"
    path.write_text(
        "duties:\n"
        "- {provider: west, dataset: invoice_month, since: 2026-01-01, cadence: quarterly, grace_days: 30}\n",
        encoding="utf-8",
    )
    catalogue = with_penalties()
    report = make_report(
        worked.lake.view(),
        catalogue,
        AS_OF,
        now=datetime.fromisoformat("2026-05-10T12:00"),
        duties=load_duties(path, catalogue),
    )
    by_provider = {(s.dataset, s.provider): s for s in report.sources}
    # The first quarter ends on 31 March; 30 days later is 30 April, the as-of date itself.
    west = by_provider["invoice_month", "west"]
    assert (west.files, calendar_of(west).required, calendar_of(west).missing) == (
        0,
        1,
        ("2026-Q1",),
    )
    assert by_provider["invoice_month", "north"].calendar is None
    assert [place.provider for place in report.ranking] == ["west"]


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("duties: []", QualityError, "duties"),
        (
            "duties: [{provider: a, dataset: invoice_moth, since: 2026-01-01}]",
            CatalogueError,
            "invoice_month",
        ),
        ("duties: [{provider: a, dataset: invoice_month}]", QualityError, r"since' is missing"),
        (
            "duties: [{provider: a, dataset: invoice_month, since: 2026-02-01, until: 2026-01-31}]",
            QualityError,
            "until 2026-01-31 lies before since 2026-02-01",
        ),
        (
            "duties:\n- &a {provider: a, dataset: invoice_month, since: 2026-02-01}\n- *a",
            QualityError,
            "twice",
        ),
    ],
)
def test_a_wrong_list_of_duties_says_where(
    tmp_path: Path, text: str, error: type[Exception], match: str
) -> None:
    path = tmp_path / "duties.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error, match=match):
        load_duties(path, with_penalties())


def test_a_period_is_due_on_its_last_day_of_grace_and_not_before() -> None:
    # January 2026 + 5 days = 5 February.
    assert not list(periods_due(date(2026, 1, 10), "monthly", 5, date(2026, 2, 4)))
    assert [p.name for p in periods_due(date(2026, 1, 10), "monthly", 5, date(2026, 2, 5))] == [
        "2026-01"
    ]


def test_weeks_run_across_the_turn_of_the_year() -> None:
    # 2025-12-29 (Monday) to 2026-01-04 (Sunday) is week 1 of 2026 and counts towards January.
    period = period_of(date(2025, 12, 31), "weekly")
    assert (period.name, period.month, period.next().name) == ("2026-W01", 202601, "2026-W02")


def test_ties_share_a_rank_and_keep_their_order(worked: Desk) -> None:
    north, south = report_of(worked).sources
    twin = replace(south, provider="east")
    # North delivered 3 of 3; east and south 2 of 3 each, both on time.
    ranked = rank([south, twin, north])
    assert [(p.rank, p.provider) for p in ranked] == [(1, "north"), (2, "east"), (2, "south")]
    assert rank([north, twin, south]) == ranked


def test_rejects_say_what_to_do_and_run_no_formula(worked: Desk, tmp_path: Path) -> None:
    out = tmp_path / "rejects.csv"
    view = worked.lake.view()
    assert write_rejects(view, worked.dataset("invoice_month"), out) == 1
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    header, row = list(csv.reader(out.read_text(encoding="utf-8-sig").splitlines()))
    cells = dict(zip(header, row, strict=True))
    # The bad row stands on line 3: the header, March, then it.
    assert (cells["文件 file"], cells["行号 line"], cells["列 column"]) == (
        "n3.csv",
        "3",
        "out_amount",
    )
    assert (
        cells["what to do"] == "Give yuan with at most two decimals, or state 万元 in the mapping"
    )
    assert '"out_amount":"=1+1"' in cells["送达内容 delivered"]


def test_a_file_named_like_a_formula_is_text(worked: Desk, tmp_path: Path) -> None:
    bad = month_row(202604)
    bad[4] = "?"
    deliver(worked, "north", "2026-05-02T12:00", [month_row(202604, out="9"), bad], "=cmd")
    out = tmp_path / "rejects.csv"
    write_rejects(worked.lake.view(), worked.dataset("invoice_month"), out, batch_no=7)
    assert out.read_text(encoding="utf-8-sig").splitlines()[1].startswith("'=cmd.csv,3,")


@pytest.mark.parametrize(
    ("chosen", "match"),
    [
        (
            {"provider": "west"},
            "'west' has delivered nothing of 'invoice_month'. Providers: north、south",
        ),
        ({"batch_no": 99}, "no batch 99 of 'invoice_month'"),
        ({"provider": "south"}, "No row of 'invoice_month' was rejected"),
    ],
)
def test_rejects_that_are_not_there(
    worked: Desk, tmp_path: Path, chosen: dict[str, str], match: str
) -> None:
    out = tmp_path / "rejects.csv"
    with pytest.raises(QualityError, match=match):
        write_rejects(worked.lake.view(), worked.dataset("invoice_month"), out, **chosen)  # type: ignore[arg-type]  # both kinds of keys
    assert not out.exists()


def test_an_empty_lake_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(QualityError, match=r"is empty.*xinqiao ingest"):
        report_of(Desk(tmp_path / "desk"))


def test_before_the_first_delivery_there_is_nothing(worked: Desk) -> None:
    with pytest.raises(
        QualityError, match=r"Nothing of invoice_month had been delivered by 2026-01-31"
    ):
        report_of(worked, date(2026, 1, 31))


def test_the_page_asks_nobody_and_repeats_itself(worked: Desk) -> None:
    deliver(worked, "<b>&", "2026-02-01T12:00", [month_row(202512)], "x1")
    page = render_page(report_of(worked), [], with_penalties())
    assert page == render_page(report_of(worked), [], with_penalties())
    assert "http" not in page.replace("http-equiv", "")
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert '<td class="none">0 %</td>' in page, "south's February"


def test_a_duty_ends() -> None:
    duty = Duty("a", "d", date(2026, 1, 1), "monthly", 0, until=date(2026, 2, 27))
    periods = periods_due(duty.since, duty.cadence, 0, AS_OF, duty.until)
    assert [p.name for p in periods] == ["2026-01"]
