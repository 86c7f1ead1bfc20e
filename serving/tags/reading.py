"""What tags of one firm rest on, read from the lake as far as a look opens it; nothing here asks the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from features.contracts import Catalogue
from features.definitions import REGISTRY
from features.errors import UnknownEnterpriseError
from features.facts import FACTS
from features.lake import Lake
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import REPAIRS, open_snapshot
from features.windows import Window
from models.matching.facts import load_facts
from models.matching.inputs import datasets_of, read_columns
from models.matching.meanings import Meanings
from models.scale import load_scale
from models.tags.batch import tags_at
from models.tags.book import Tags, load_tags
from models.tags.held import Given
from serving.disputes.filing import shared_catalogue
from serving.ratings.sight import Opened
from serving.reading import Stop

#: A tag the firm alone sees, from decisions on its repairs.
REPAIRED = "repaired"
_DAYS_KEPT = 4
Values = Mapping[str, float | str | None]


@dataclass(frozen=True)
class TagSetting:
    """Tags in force on a day and what their names mean."""

    tags: Tags
    meanings: Meanings


@dataclass(frozen=True)
class Found:
    """What the lake says of one firm.

    Attributes
    ----------
    values : mapping
        By name; None, or left out, where nothing is known.
    given : list of Given
        Tags that records give without a rule.
    """

    values: Values
    given: list[Given]


def setting_at(now: datetime) -> TagSetting:
    """The tags of today; compiled once a day."""
    return _setting(now.date().toordinal())


@lru_cache(maxsize=_DAYS_KEPT)
def _setting(ordinal: int) -> TagSetting:
    day = datetime.fromordinal(ordinal).date()
    tags = tags_at(day)
    meanings = Meanings.of(
        Registry((*REGISTRY, *FACTS)),
        load_facts(),
        load_tags().entries,
        tags.vocabulary,
        catalogue=shared_catalogue(),
        scale=load_scale(on=day),
    )
    return TagSetting(tags, meanings)


def read_firm(
    lake: Lake, catalogue: Catalogue, uscc: str, opened: Opened, now: datetime, stop: Stop
) -> Found:
    """Read what is open of a firm; of one that is on no record, nothing.

    Takes a fraction of a second: not for the event loop.
    """
    setting = setting_at(now)
    view = lake.view()
    try:
        firm = view.find_enterprise(uscc)
    except UnknownEnterpriseError:
        return Found({}, [])
    withheld = opened.withheld(catalogue)
    scope = DataScope(
        frozenset(catalogue.datasets) - withheld, Purpose.SELF_REPORT, until=now.date()
    )
    names = setting.tags.names
    is_own = opened.kind == "self"
    datasets = datasets_of(names) | ({REPAIRS} if is_own else frozenset())
    with (
        open_snapshot(
            view, catalogue, now.date(), scope, now=now, enterprises=[firm.key], threads=1, datasets=datasets
        ) as snapshot,
        stop.watch(snapshot),
    ):  # fmt: skip
        found = read_columns(snapshot, names)
        since = Window(_months(REPAIRED)).covers("CAST(repaired_at AS DATE)", now.date())
        repairs = snapshot.connection.execute(
            f"SELECT count(*) FROM visible_{REPAIRS} WHERE {since}" if is_own else "SELECT 0"
        ).fetchall()
    given = [Given(uscc, REPAIRED, now.date(), now.date())] if repairs[0][0] else []
    return Found(found.row(0) if len(found) else {}, given)


def _months(code: str) -> int:
    entry = next(one for one in load_tags().entries if one.code == code)
    return entry.valid_months or 12
