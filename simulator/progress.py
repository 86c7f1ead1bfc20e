"""What speaks for a firm: licences, contracts, funds, intellectual property, technology, environment, trade."""

import numpy as np

from simulator.activity import Activity, in_months
from simulator.arrays import Column, Text, always, picked, serials, yuan
from simulator.consents import Consents
from simulator.firms import Firms
from simulator.happenings import days_of, ends, favourable, neutral
from simulator.latent import Fate
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams, choose
from simulator.world import World

_QUARTER, _APRIL, _DECEMBER = 3, 3, 11
_LICENCE_YEARS = (3, 5)


def progress_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> list[Rows]:
    """All of them."""
    rng = streams.named("progress")
    return [
        _licences(world, rng, firms, fate),
        *_works(world, rng, firms, fate),
        *_property(world, rng, firms, fate),
        _environment(world, rng, firms, fate),
        _carbon(world, rng, firms, fate, activity, consents),
        *_trade(world, rng, firms, fate, activity, consents),
        _technology(world, rng, firms, fate),
        _declared(world, rng, fate),
    ]


def _licences(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> Rows:
    e = world.parameters.events
    share = np.where(firms.of("C", "G", "H"), e.licence, e.licence_elsewhere)
    yearly = share / np.mean(_LICENCE_YEARS)
    firm, day = days_of(world, rng, neutral(fate, yearly))
    n = len(firm)
    columns: dict[str, Column] = {
        "doc_no": serials(rng, "AL", n),
        "counterpart_type": always("legal_person", n),
        "doc_name": always("准予行政许可决定书", n),
        "license_kind": picked(rng, ["ordinary", "approval", "registration"], n),
        "decided_on": day,
        "valid_from": day,
        "valid_to": day + 365 * rng.integers(_LICENCE_YEARS[0], _LICENCE_YEARS[1] + 1, n),
        "status": always("valid", n),
        "authority": picked(rng, world.words.authorities, n),
    }
    return Rows("admin_license", firm, day, lagged(rng, day, 3, 10), columns)


def _works(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    """Public contracts, bids won, subsidies, certificates and honours."""
    e = world.parameters.events
    size = firms.revenue / np.median(firms.revenue)
    rows: list[Rows] = []
    for dataset, key, yearly, lag in (
        ("gov_contract", "contract_no", e.gov_contract, (1, 5)),
        ("bid_award", "notice_no", e.bid, (1, 5)),
        ("policy_fund", "record_id", e.policy_fund, (10, 30)),
        ("qualification_cert", "cert_no", e.qualification, (5, 15)),
        ("honor_award", "award_name", e.honor, (10, 30)),
    ):
        firm, day = days_of(world, rng, favourable(world, fate, firms, yearly))
        n = len(firm)
        amount = yuan(np.round(300_000 * size[firm] ** 0.5 * np.exp(1.1 * rng.normal(size=n)), -2))
        specific: dict[str, dict[str, Column]] = {
            "gov_contract": {
                "buyer": always("市政府采购中心", n), "amount": amount, "signed_on": day,
                "deliver_due": day + rng.integers(30, 300, n),
                "performance": Text((rng.random(n) < 0.04 * np.exp(-0.4 * firms.quality[firm])).astype(np.int64) * 2, ["ok", "delay", "breach"]),
            },
            "bid_award": {
                "project": always("公共资源交易项目", n), "amount": amount, "awarded_on": day,
                "kind": picked(rng, ["works", "goods", "service"], n),
            },
            "policy_fund": {
                "programme": picked(rng, ["稳岗补贴", "技改补助", "专精特新奖补"], n),
                "amount": amount, "paid_on": day,
                "level": picked(rng, ["province", "city", "county"], n),
            },
            "qualification_cert": {
                "cert_name": picked(rng, ["质量管理体系认证", "建筑业企业资质", "食品安全管理认证"], n),
                "issued_on": day, "valid_to": day + 3 * 365,
                "authority": picked(rng, world.words.authorities, n),
            },
            "honor_award": {
                "item_level": picked(rng, ["市级", "省级"], n), "awarded_on": day,
                "authority": picked(rng, world.words.authorities, n),
            },
        }  # fmt: skip
        id_column: Column = serials(rng, dataset[:2].upper(), n)
        if dataset == "honor_award":
            id_column = picked(rng, ["守合同重信用企业", "五星级个体工商户", "文明诚信单位"], n)
        columns: dict[str, Column] = {key: id_column, **specific[dataset]}
        rows.append(Rows(dataset, firm, day, lagged(rng, day, *lag), columns))
    return rows


def _property(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    """Patents, trademarks and pledges of them."""
    e = world.parameters.events
    firm, day = days_of(
        world,
        rng,
        favourable(world, fate, firms, np.where(firms.of("C", "I", "M"), e.patent, 0.004)),
    )
    n = len(firm)
    numbers = serials(rng, "ZL", n)
    patents: dict[str, Column] = {
        "patent_no": numbers,
        "kind": picked(rng, ["invention", "utility", "utility", "design"], n),
        "applied_on": day - rng.integers(200, 900, n),
        "granted_on": day,
        "status": always("valid", n),
    }
    rows = [Rows("patent", firm, day, lagged(rng, day, 10, 30), patents)]
    pledged = np.flatnonzero(rng.random(n) < world.parameters.details.patent_pledged)
    on = day[pledged] + rng.integers(30, 600, len(pledged))
    pledge: dict[str, Column] = {
        "reg_no": serials(rng, "IP", len(pledged)),
        "amount": yuan(np.exp(np.log(800_000) + 0.5 * rng.normal(size=len(pledged)))),
        "pledgee": picked(rng, world.words.lenders, len(pledged)),
        "registered_on": on,
    }
    opened = Rows("ip_pledge", firm[pledged], on, lagged(rng, on, 5, 20), pledge)
    rows += closed(rng, opened, "cancelled_on", ends(rng, on, 0.7, 400))
    firm, day = days_of(world, rng, favourable(world, fate, firms, e.trademark))
    marks: dict[str, Column] = {
        "reg_no": serials(rng, "TM", len(firm)),
        "class": rng.integers(1, 46, len(firm)),
        "registered_on": day,
        "expires_on": day + 3650,
        "status": always("valid", len(firm)),
    }
    return [*rows, Rows("trademark", firm, day, lagged(rng, day, 10, 30), marks)]


def _environment(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> Rows:
    """Colours of key firms, once a year in April."""
    shares = world.parameters.events.env_grades
    key = firms.of("C") & (rng.random(len(firms)) < world.parameters.details.environment_key)
    firm, month = np.nonzero(fate.alive & key[:, None] & (world.calendar.month_of_year() == _APRIL))
    n = len(firm)
    day = world.calendar.day_in(rng, month)
    columns: dict[str, Column] = {
        "eval_year": world.calendar.year(month) - 1,
        "grade": Text(choose(rng, shares, n), list(shares)),
        "published_on": day,
        "authority": always("市生态环境局", n),
    }
    return Rows("env_credit", firm, day, lagged(rng, day, 2, 20), columns)


def _carbon(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> Rows:
    """Carbon accounts of manufacturers by quarter."""
    calendar = world.calendar
    chosen = consents.opens["carbon"] & firms.of("C")
    firm, month = in_months(
        chosen, fate.alive & (calendar.month_of_year() % _QUARTER == _QUARTER - 1)
    )
    n = len(firm)
    output = 3.0 * activity.revenue[firm, month].astype(np.float64)
    intensity = (
        0.35 * np.exp(0.4 * rng.normal(size=len(firms)))[firm] * np.exp(0.05 * rng.normal(size=n))
    )
    grade = np.searchsorted([0.22, 0.38, 0.6], intensity)
    end = calendar.end(month)
    code = calendar.code(month)
    periods = sorted({f"{c // 100}Q{(c % 100 + 2) // 3}" for c in code.tolist()})
    place = np.unique(code, return_inverse=True)[1]
    columns: dict[str, Column] = {
        "period": Text(place.astype(np.int64), periods),
        "period_end": end,
        "emission_tco2e": np.round(intensity * output / 10_000, 3),
        "output_value": yuan(output),
        "intensity": np.round(intensity, 4),
        "industry_benchmark": np.full(n, 0.35),
        "grade": Text(grade, ["deep_green", "light_green", "yellow", "red"]),
    }
    return Rows("carbon_account", firm, end, lagged(rng, end, 30, 45), columns, "carbon")


def _trade(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> list[Rows]:
    """Exporters: their customs grade in public, their trade under consent."""
    calendar = world.calendar
    exporter = firms.of("C", "F51") & (rng.random(len(firms)) < world.parameters.activity.exporter)
    firm, month = in_months(exporter & consents.opens["customs"], fate.alive)
    part = rng.beta(2, 3, len(firms))[firm]
    export = np.round(activity.revenue[firm, month] * part / 7.0, 2)
    end = calendar.end(month)
    columns: dict[str, Column] = {
        "month": calendar.code(month),
        "export_amount": export,
        "import_amount": np.round(0.1 * export, 2),
        "declarations": rng.poisson(3, len(firm)) + (export > 0),
        "refund_tax": yuan(export * 0.6),
    }
    rows = [Rows("trade_month", firm, end, lagged(rng, end, 15, 25), columns, "customs")]
    graded = np.flatnonzero(exporter)
    day = np.maximum(
        calendar.start(firms.born[graded] + 6), calendar.start(np.zeros(len(graded), np.int64))
    )
    risk = firms.quality[graded] + rng.normal(size=len(graded))
    grades: dict[str, Column] = {
        "grade": Text(np.searchsorted([-3.0, 2.2], risk), ["dishonest", "regular", "certified"]),
        "effective_on": day,
        "scheme": always("251", len(graded)),
    }
    return [Rows("customs_credit", graded, day, lagged(rng, day, 2, 8), grades), *rows]


def _technology(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> Rows:
    """High-tech and small technology firms, at the end of every year, under consent."""
    e = world.parameters.events
    share = np.where(firms.of("C", "I", "M"), e.hnte_cim, e.hnte / 4) * np.exp(0.3 * firms.quality)
    is_hnte = rng.random(len(firms)) < share
    is_tech = rng.random(len(firms)) < e.tech_sme * np.exp(0.2 * firms.quality)
    chosen = (
        is_hnte | is_tech | (rng.random(len(firms)) < world.parameters.details.technology_asked)
    )
    firm, month = in_months(chosen, fate.alive & (world.calendar.month_of_year() == _DECEMBER))
    end = world.calendar.end(month)
    columns: dict[str, Column] = {
        "stat_date": end,
        "is_hnte": is_hnte[firm],
        "is_tech_sme": is_tech[firm],
        "tech_contract_amount": yuan(np.where(is_hnte[firm], rng.gamma(2, 60_000, len(firm)), 0.0)),
    }
    return Rows("tech_rnd", firm, end, lagged(rng, end, 15, 30), columns, "tech")


def _declared(world: World, rng: np.random.Generator, fate: Fate) -> Rows:
    firm, day = days_of(world, rng, np.broadcast_to(neutral(fate, 0.02), fate.alive.shape))
    n = len(firm)
    columns: dict[str, Column] = {
        "record_id": serials(rng, "SF", n),
        "topic": picked(rng, ["qualification", "operation", "contract", "welfare"], n),
        "item": always("经营情况", n),
        "value_number": np.round(rng.gamma(2, 50, n), 2),
        "promise_signed_on": day,
        "promise_version": always("2020-1", n),
    }
    return Rows("self_declared", firm, day, lagged(rng, day, 0, 0), columns)
