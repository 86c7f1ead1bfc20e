"""Upon what is rated again, and how often: dated data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from pydantic import Field

from features.contracts import load_catalogue
from features.documents import Document, load_document
from features.errors import CatalogueError

TRIGGERS = Path(__file__).with_name("triggers.yaml")


class VersionDocument(Document):
    """One version as written; see `triggers.yaml` for units."""

    in_force: date
    source: str
    datasets: list[str] = Field(min_length=1)
    consent_events: list[str]
    month_end_hour: int = Field(ge=0, le=23)
    repairs_minutes: int = Field(gt=0)
    retry_minutes: int = Field(gt=0)
    a_round: int = Field(gt=0)
    kept_days: int = Field(gt=0)


class TriggersDocument(Document):
    """`triggers.yaml` as written."""

    versions: list[VersionDocument] = Field(min_length=1)


@dataclass(frozen=True)
class TriggerRules:
    """The rules of one version.

    Attributes
    ----------
    datasets : frozenset of str
        Names in the catalogue whose new rows count.
    month_end_hour : int
        Hour of a month's last day from which on it counts as ended.
    repairs_every, retry_after, kept : timedelta
        Pauses, and how long a cause is kept.
    a_round : int
        Exposures rated in one round at most.
    """

    in_force: date
    datasets: frozenset[str]
    consent_events: tuple[str, ...]
    month_end_hour: int
    repairs_every: timedelta
    retry_after: timedelta
    kept: timedelta
    a_round: int

    def month_end_by(self, now: datetime) -> date:
        """The last day of the month that ended most recently.

        Examples
        --------
        >>> rules = rules_on(date(2026, 11, 30))
        >>> rules.month_end_by(datetime(2026, 11, 30, 19, 59)), rules.month_end_by(datetime(2026, 11, 30, 20))
        (datetime.date(2026, 10, 31), datetime.date(2026, 11, 30))
        """
        tomorrow = now.date() + timedelta(days=1)
        if tomorrow.day == 1 and now.hour >= self.month_end_hour:
            return now.date()
        return now.date().replace(day=1) - timedelta(days=1)


@cache
def load_rules() -> Sequence[TriggerRules]:
    """Every version, oldest first.

    Raises
    ------
    CatalogueError
        If the file is malformed, or names a dataset the catalogue does not have.
    """
    written = load_document(TRIGGERS, TriggersDocument, CatalogueError).versions
    names = {dataset.document.code: dataset.name for dataset in load_catalogue()}
    unknown = sorted({code for version in written for code in version.datasets} - names.keys())
    if unknown:
        raise CatalogueError(
            en=f"{TRIGGERS.name}: the catalogue has no dataset {', '.join(unknown)}. Correct the code.",
            zh=f"{TRIGGERS.name}：共享清单中没有数据集 {'、'.join(unknown)}，请更正编号。",
        )
    return sorted((_rules(version, names) for version in written), key=lambda one: one.in_force)


def rules_on(day: date) -> TriggerRules:
    """The rules in force on a day; before the first version, the first."""
    versions = load_rules()
    return next((one for one in reversed(versions) if one.in_force <= day), versions[0])


def _rules(version: VersionDocument, names: dict[str, str]) -> TriggerRules:
    return TriggerRules(
        in_force=version.in_force,
        datasets=frozenset(names[code] for code in version.datasets),
        consent_events=tuple(version.consent_events),
        month_end_hour=version.month_end_hour,
        repairs_every=timedelta(minutes=version.repairs_minutes),
        retry_after=timedelta(minutes=version.retry_minutes),
        kept=timedelta(days=version.kept_days),
        a_round=version.a_round,
    )
