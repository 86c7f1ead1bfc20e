"""DataScope: which datasets may be seen, for what purpose, until when. No rows without one."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from features.errors import ScopeError

#: The grantee under which the platform itself may learn from firms that consented to that.
PLATFORM = "platform"


class Purpose(StrEnum):
    """Why data is looked at; written into every record of a look."""

    SELF_REPORT = "self_report"
    APPLY = "apply"
    PRE_CREDIT = "pre_credit"
    POSTLOAN = "postloan"
    MODELLING = "modelling"
    RESEARCH = "research"
    REPLAY = "replay"


@dataclass(frozen=True)
class DataScope:
    """What one look may see.

    Parameters
    ----------
    datasets : frozenset of str
        Catalogue names of the datasets that may be opened. Empty is allowed and shows nothing.
    purpose : Purpose
        Why. `REPLAY` alone shows records that were repaired after `as_of`.
    until : date
        Last day on which a look may be taken under the scope, and the last day it may be about,
        Asia/Shanghai.
    grantee : str or None
        USCC (or `platform`) of the institution whose live consents decide, enterprise by
        enterprise, about authorised and secret datasets. None is the scope kind `self`: all that
        is held about a firm, shown only to that firm.

    Examples
    --------
    >>> scope = DataScope(frozenset({"reg_basic"}), Purpose.SELF_REPORT, date(2026, 12, 31))
    >>> scope.opens("invoice_line")
    False
    """

    datasets: frozenset[str]
    purpose: Purpose
    until: date
    grantee: str | None = None

    def opens(self, dataset: str) -> bool:
        """Whether rows of this dataset may be seen at all under the scope."""
        return dataset in self.datasets

    def require_live(self, as_of_date: date, *, today: date) -> None:
        """Refuse a look that is taken after the scope's last day, or is about a day after it.

        Raises
        ------
        ScopeError
            If `today` or `as_of_date` lies after `until`.
        """
        latest = max(as_of_date, today)
        if latest > self.until:
            raise ScopeError(
                en=f"The data scope ended on {self.until}; it cannot be used on or for {latest}. "
                "Ask the enterprise for a new consent.",
                zh=f"数据授权范围已于 {self.until} 到期，不能在 {latest} 使用；请向企业重新取得授权。",
            )

    def without(self, *datasets: str) -> "DataScope":
        """The same scope with some datasets withheld."""
        return DataScope(self.datasets - set(datasets), self.purpose, self.until, self.grantee)
