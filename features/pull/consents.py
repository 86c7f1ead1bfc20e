"""Which firms may be asked about right now, and under which consent."""

import threading
from collections.abc import Callable
from datetime import datetime

from features.contracts import Catalogue, Dataset
from features.engine import literal
from features.lake import Lake
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot

#: What stands for a consent where the dataset is public and needs none.
NOT_NEEDED = ""


class ConsentBook:
    """Live consents of every registered firm, read again when the lake or the day has changed.

    Parameters
    ----------
    grantee : str
        Who asks: a USCC, or `platform`.
    clock : callable
        Asia/Shanghai wall time.
    """

    def __init__(
        self,
        lake: Lake,
        catalogue: Catalogue,
        dataset: Dataset,
        *,
        grantee: str,
        purpose: Purpose,
        clock: Callable[[], datetime],
    ) -> None:
        self._lake = lake
        self._catalogue = catalogue
        self._dataset = dataset
        self._grantee = grantee
        self._purpose = purpose
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at: tuple[object, ...] | None = None
        self._held: dict[str, str | None] = {}

    def firms(self) -> list[str]:
        """USCC of every registered firm, with a consent or without."""
        with self._lock:
            self._refresh()
            return list(self._held)

    def consent_of(self, uscc: str) -> str | None:
        """The consent a firm may be asked about under at this instant; None if there is none."""
        with self._lock:
            self._refresh()
            return self._held.get(uscc)

    def _refresh(self) -> None:
        now = self._clock()
        commits = (path.name for path in (self._lake.root / "commits").glob("*.json"))
        state = (now.date(), max(commits, default=""))
        if state != self._read_at:
            self._held = self._read(now)
            self._read_at = state

    def _read(self, now: datetime) -> dict[str, str | None]:
        today = now.date()
        names = frozenset({self._dataset.name})
        scope = DataScope(names, self._purpose, until=today, grantee=self._grantee)
        wanted = literal(self._dataset.document.consent_scope or "")
        with open_snapshot(self._lake.view(), self._catalogue, today, scope, now=now) as snapshot:
            found = snapshot.connection.execute(
                "SELECT e.uscc, min(c.consent_id) FROM enterprise e LEFT JOIN live_consent c "
                f"ON c.enterprise_key = e.enterprise_key AND c.consent_scope = {wanted} "
                "GROUP BY e.uscc ORDER BY e.uscc"
            ).fetchall()
        is_open = not self._dataset.needs_consent
        return {str(uscc): NOT_NEEDED if is_open else consent for uscc, consent in found}
