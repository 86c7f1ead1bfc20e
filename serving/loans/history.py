"""What is known of one loan before a report about it is taken: the latest version of everything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """The latest version of one report."""

    report_no: int
    version: int
    uscc: str
    payload: Payload

    def money(self, name: str) -> Decimal:
        """An amount [yuan]."""
        return Decimal(str(self.payload[name]))

    def day(self, name: str) -> date:
        """A day."""
        return date.fromisoformat(str(self.payload[name]))


@dataclass
class History:
    """One loan, or one guarantee: its grant, its months by first day, its closure."""

    grant: Held | None = None
    months: dict[date, Held] = field(default_factory=dict[date, Held])
    closure: Held | None = None
    guarantee: Held | None = None

    def held(self, kind: str, month: date) -> Held | None:
        """The version that another report of this kind would take the place of."""
        if kind == "month":
            return self.months.get(month)
        found: Held | None = getattr(self, kind)
        return found

    def hold(self, kind: str, month: date, report: Held) -> None:
        """Take a report as the latest of its kind."""
        if kind == "month":
            self.months[month] = report
        else:
            setattr(self, kind, report)

    def in_all(self, name: str, *, but: date) -> Decimal:
        """The sum of an amount over every month except one [yuan]."""
        return sum(self._amounts(name, but), Decimal(0))

    def _amounts(self, name: str, but: date) -> Iterator[Decimal]:
        return (held.money(name) for month, held in self.months.items() if month != but)
