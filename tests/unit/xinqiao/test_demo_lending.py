"""What a demonstration prepares: every step by whom it belongs to, on its own day, with what was known that day."""

from datetime import datetime, timedelta
from pathlib import Path

from models.products.book import ProductEntry
from serving.access.callers import Caller, Role
from serving.auth.people.first import Newcomer
from serving.database.addresses import Addresses
from serving.needs.rules import reasons
from serving.needs.schemas import Contact, Decline, Grant
from serving.products.checks import check_product
from serving.products.schemas import NewProduct
from serving.products.shelves import tags_on
from tests.cases import land
from tests.matching_town import NEED, SOUND, TERMS, YOUNG, settle
from tests.service import Running, service
from xinqiao.demo_lending import Cast, Lending, is_lending, lend, load_lending
from xinqiao.demo_past import stage

#: Soon after the town's records.
TODAY = datetime(2026, 6, 1, 12)
_SAID = {"contact": Contact, "grant": Grant, "decline": Decline}
_TERMS = {name: value for name, value in TERMS.items() if name != "valid_from"}
#: The owner's is granted; the other's is declined on the day it is made.
SMALL = Lending.model_validate(
    {
        "published_days_ago": 5,
        "review_note": "for a test",
        "products": [{"code": "DEMO-ANY", "name": {"zh": "演示", "en": "demo"}, "terms": _TERMS}],
        "firms": [
            {
                "firm": "owner", "need": NEED, "days_ago": 3,
                "applications": [
                    {"product": "DEMO-ANY", "steps": [
                        {"step": "contact", "days_ago": 3, "said": {"text": "by telephone"}},
                        {"step": "grant", "days_ago": 2, "said": {"amount_cny": 400000}},
                    ]}
                ],
            },
            {
                "firm": "another", "need": NEED, "days_ago": 1,
                "applications": [
                    {"product": "DEMO-ANY", "steps": [
                        {"step": "decline", "days_ago": 1, "said": {"reason": "debt_too_high"}},
                    ]}
                ],
            },
        ],
    }
)  # fmt: skip


def test_what_the_demonstration_offers_is_marked_and_can_be_matched() -> None:
    lending = load_lending()
    lender = {"zh": "演示银行", "en": "demo bank"}
    for offer in lending.products:
        body = offer.model_dump() | {"lender": lender, "terms": offer.terms | {"valid_from": TODAY.date()}}  # fmt: skip
        new = NewProduct.model_validate(body)
        assert new.terms.evidence == "P"
        entry = ProductEntry(code=new.code, name=new.name, lender=new.lender, versions=[new.terms])
        check_product(entry, tags_on(TODAY.date()).vocabulary)
    codes = {offer.code for offer in lending.products}
    for asking in lending.firms:
        for applied in asking.applications:
            assert applied.product in codes
            days = [asking.days_ago, *(taken.days_ago for taken in applied.steps)]
            assert days == sorted(days, reverse=True)
            for taken in applied.steps:
                said = _SAID[taken.step].model_validate(taken.said)
                assert not isinstance(said, Decline) or said.reason in reasons()


def test_each_step_is_taken_on_its_day_with_what_was_known_then(fresh_database: Addresses) -> None:
    with service(fresh_database, before=_town) as running:
        officer, operator = running.officer(), running.operator()
        owner = running.owner(SOUND)
        cast = Cast(
            owner=Caller(Role.OWNER, owner.id, SOUND),
            officer=Caller(Role.OFFICER, officer.id, officer.tenant),
            operator=Caller(Role.OPERATOR, operator.id),
            # The first is a debtor on the list since the day before: it gets no offer, and leaves no trace.
            others=iter(
                Newcomer(f"demo.{name}", "a fine long phrase", "owner", uscc)
                for name, uscc in (("sound", SOUND), ("young", YOUNG))
            ),
        )
        assert running.run(_lent(running, fresh_database, cast)) == (False, 2, True)
        found = running.sql(
            "SELECT uscc, state, applied_at, since FROM application ORDER BY application_no"
        )
        assert found == [
            (SOUND, "granted", _at(3, 10, 6), _at(2, 14)),
            (YOUNG, "declined", _at(1, 10, 6), _at(1, 12)),
        ]
        assert running.sql("SELECT uscc, as_of, made_at FROM match ORDER BY match_no") == [
            (SOUND, _at(3).date(), _at(3)),
            (YOUNG, _at(1).date(), _at(1)),
        ]
        assert running.sql("SELECT login FROM person WHERE login LIKE 'demo.%%'") == [
            ("demo.young",)
        ]
        recorded = running.sql(
            "SELECT role, action, at FROM audit_event WHERE request_id = 'demo' ORDER BY audit_id"
        )
        assert recorded == [
            ("officer", "product:submit:granted", _at(5)),
            ("operator", "product:review:granted", _at(5, 14)),
            ("owner", "match:create:granted", _at(3)),
            ("owner", "application:create:granted", _at(3, 10, 6)),
            ("officer", "application:change:granted", _at(3, 12)),
            ("officer", "application:change:granted", _at(2, 14)),
            ("owner", "match:create:granted", _at(1)),
            ("owner", "application:create:granted", _at(1, 10, 6)),
            ("officer", "application:change:granted", _at(1, 12)),
        ]


async def _lent(running: Running, addresses: Addresses, cast: Cast) -> tuple[bool, int, bool]:
    """Whether it was lending before, how many applications there are, and whether it is lending now."""
    async with stage(running.house.settings.home, addresses.app, TODAY) as on:
        before = await is_lending(on.connection, SMALL)
        made = await lend(on, cast, SMALL, TODAY)
        return before, made, await is_lending(on.connection, SMALL)


def _town(home: Path) -> None:
    settle(home)
    bad = {"uscc": SOUND, "case_no": "9", "published_on": str(_at(2).date())}
    land(home, "dishonest_debtor", bad, now=_at(2, 20))


def _at(days_ago: int, hour: int = 10, minute: int = 0) -> datetime:
    day = (TODAY - timedelta(days=days_ago)).date()
    return datetime(day.year, day.month, day.day, hour, minute)
