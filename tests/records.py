"""Rows of the record for tests, written as the service writes them: by many, and not in order."""

import random
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from serving.audit.heads import Custody
from serving.audit.repository import Sync

NOW = datetime(2026, 11, 21, 9, 30)

INSERT = """
INSERT INTO audit_event (at, request_id, actor_kind, actor, role, tenant, action, subject, purpose,
                         consents, fields, result, detail)
VALUES (%(at)s, %(request_id)s, 'client', 'bank-a', 'bank', %(tenant)s, %(action)s, %(subject)s,
        %(purpose)s, %(consents)s, %(fields)s, 'ok', %(detail)s)
RETURNING audit_id
"""


def custody_in(folder: Path, *, is_mirrored: bool = False) -> Custody:
    mirror = folder / "mirror" if is_mirrored else None
    return Custody(folder / "audit", folder / "vault", mirror)


def entry(number: int) -> dict[str, object]:
    """A row; its values follow from its number."""
    return {
        "at": NOW + timedelta(milliseconds=number),
        "request_id": f"r-{number}",
        "tenant": None if number % 5 == 0 else f"bank-{number % 3}",
        "action": "rating:read:granted" if number % 2 else "consent:grant:done",
        "subject": None if number % 7 == 0 else f"subject-{number % 4}",
        "purpose": None if number % 3 else "credit",
        "consents": [f"C-{number}"] if number % 2 else [],
        "fields": ["score", "grade"][: number % 3],
        "detail": f'{{"行": {number}}}',
    }


def write(connection: Sync, number: int) -> int:
    """One row in the connection's transaction; its id."""
    found = connection.execute(INSERT, entry(number)).fetchone()
    assert found is not None
    return found[0]


@dataclass
class Writers:
    """Threads that write rows in transactions of their own, some of which are taken back."""

    app: str
    rows: int
    seed: int
    threads: int = 4

    def run(self) -> int:
        """Write them; how many were committed."""
        counts = [0] * self.threads
        work = [threading.Thread(target=self._one, args=(n, counts)) for n in range(self.threads)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        return sum(counts)

    def _one(self, number: int, counts: list[int]) -> None:
        rng = random.Random(self.seed * 100 + number)  # noqa: S311 - a seed, not a secret
        with psycopg.connect(self.app) as connection:
            for start in range(0, self.rows // self.threads, 3):
                for offset in range(3):
                    write(connection, number * self.rows + start + offset)
                if rng.random() < 0.1:
                    connection.rollback()
                else:
                    connection.commit()
                    counts[number] += 3
