"""Who must deliver what, since when, how often and by when: `duties.yaml`, or what was seen so far."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from features.contracts import Catalogue
from features.documents import Document, load_document
from features.errors import QualityError
from features.quality.periods import Cadence


class DutyEntry(Document):
    """One line of `duties.yaml`; cadence and days of grace are the catalogue's unless given."""

    provider: str
    dataset: str
    since: date
    until: date | None = None
    cadence: Cadence | None = None
    grace_days: int | None = Field(default=None, ge=0, le=366)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.until is not None and self.until < self.since:
            msg = f"until {self.until} lies before since {self.since}"
            raise ValueError(msg)
        return self


class DutyDocument(Document):
    """`duties.yaml` as written."""

    duties: list[DutyEntry] = Field(min_length=1)


@dataclass(frozen=True)
class Duty:
    """What one provider owes of one dataset.

    Parameters
    ----------
    since, until : date
        First and last day it is owed for; no end when None.
    grace_days : int
        Days after the end of a period in which a delivery is on time [days].
    is_stated : bool
        False where it is read from the provider's own first delivery.
    """

    provider: str
    dataset: str
    since: date
    cadence: Cadence
    grace_days: int
    until: date | None = None
    is_stated: bool = True


def load_duties(path: Path, catalogue: Catalogue) -> list[Duty]:
    """Read and check a list of duties.

    Raises
    ------
    QualityError
        If the file is no such list, or a provider owes a dataset twice.
    CatalogueError
        If a dataset is not in the catalogue; near names are listed.
    """
    duties: list[Duty] = []
    seen: set[tuple[str, str]] = set()
    for entry in load_document(path, DutyDocument, QualityError).duties:
        document = catalogue[entry.dataset].document
        if (entry.provider, entry.dataset) in seen:
            raise QualityError(
                en=f"{path}: '{entry.provider}' owes '{entry.dataset}' twice. Keep one entry.",
                zh=f"{path}：“{entry.provider}”的“{entry.dataset}”归集责任重复，请只保留一条。",
            )
        seen.add((entry.provider, entry.dataset))
        grace = entry.grace_days
        duties.append(
            Duty(
                provider=entry.provider,
                dataset=entry.dataset,
                since=entry.since,
                until=entry.until,
                cadence=entry.cadence or document.cadence,
                grace_days=document.available_lag_days if grace is None else grace,
            )
        )
    return duties


def duties_seen(first_days: Iterable[tuple[str, str, date]], catalogue: Catalogue) -> list[Duty]:
    """Without a list, who has delivered once is held to the dataset's cadence from then on.

    Parameters
    ----------
    first_days : iterable of (provider, dataset, date)
        The earliest event day each provider has delivered.
    """
    return [
        Duty(
            provider=provider,
            dataset=dataset,
            since=first,
            cadence=catalogue[dataset].document.cadence,
            grace_days=catalogue[dataset].document.available_lag_days,
            is_stated=False,
        )
        for provider, dataset, first in first_days
    ]
