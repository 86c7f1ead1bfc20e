"""The record: falsifications found, and what sealing, verifying and proving cost.

Nobody else offers the same thing for a table of PostgreSQL, so there is no peer; the floor of a
leaf is two SHA-256 of its bytes and is given in the note.
"""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import process_time

import psycopg

from benchmarks.results import Entry, compared
from benchmarks.setting import Setting
from benchmarks.tampering import IN_DATABASE, IN_FILES, Scene, falsify
from serving.audit import repository
from serving.audit.heads import Custody
from serving.audit.merkle import inclusion_spans
from serving.audit.papers import read_papers
from serving.audit.proofs import blocks_for
from serving.audit.sealer import rotate_key, seal
from serving.audit.service import newest_head, proof_about
from serving.audit.tiles import wanted
from serving.audit.verify import verify_record
from serving.database.addresses import Addresses
from serving.database.embedded import embedded
from serving.database.migrate import upgrade

AREA = "audit"
TAMPERINGS = 10_000
#: Rows of the log that is falsified, and of the one whose cost is measured.
SMALL, LARGE = 400, 200_000
_WRITERS, _HEADS = 4, 8

_entry = partial(compared, AREA, peer=None)

_INSERT = """
INSERT INTO audit_event (at, request_id, actor_kind, actor, role, tenant, action, subject, purpose, consents,
                         fields, result, detail)
SELECT '2026-11-21', 'r-' || n, 'client', 'bank-' || mod(n, 7), 'bank', 'bank-' || mod(n, 7), 'rating:read:granted',
       'subject-' || mod(n, 1000), 'credit', ARRAY['C-' || n], ARRAY['score', 'grade'], 'ok', '{}'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""


def compare(setting: Setting) -> Iterator[Entry]:
    """Falsify a small log many times, then measure a large one."""
    with embedded(setting.work / "database") as addresses:
        upgrade(addresses.owner)
        yield _found(setting, addresses)
        yield from _costs(setting, addresses)


def _found(setting: Setting, addresses: Addresses) -> Entry:
    custody = _custody(setting.work / "small")
    with psycopg.connect(addresses.sealer, autocommit=True) as sealer:
        for turn in range(_HEADS):
            _write(addresses, SMALL // _HEADS, first=turn * SMALL)
            seal(sealer, custody, setting.now)
            if turn == _HEADS // 2:
                rotate_key(sealer, custody, setting.now)
    rng = random.Random(TAMPERINGS)  # noqa: S311 - a seed, not a secret
    ways = sorted([*IN_DATABASE, *IN_FILES])
    papers, missed, begun = read_papers(custody), Counter[str](), process_time()
    with psycopg.connect(addresses.owner, autocommit=True) as owner:
        scene = Scene(owner, custody, rng)
        for _ in range(TAMPERINGS):
            way = rng.choice(ways)
            missed[way] += falsify(scene, way, papers, setting.work / "copy").is_whole
    return _entry(
        "Falsifications found",
        ours=TAMPERINGS - missed.total(),
        better="neither",
        unit="",
        now=setting.now,
        note=f"of {TAMPERINGS:,} in {len(ways)} ways, each drawn at random on a log of {SMALL} rows of concurrent "
        f"transactions under {_HEADS + 1} heads and 2 keys; {(process_time() - begun) / TAMPERINGS * 1000:.1f} ms CPU of the "
        f"verifier each, the falsification included; missed: {', '.join(+missed) or 'none'}",
    )


def _costs(setting: Setting, addresses: Addresses) -> Iterator[Entry]:
    with psycopg.connect(addresses.owner) as owner:
        owner.execute("TRUNCATE audit_event, audit_seal, audit_tile")
    _write(addresses, LARGE)
    custody = _custody(setting.work / "large")
    with psycopg.connect(addresses.sealer, autocommit=True) as sealer:
        begun = process_time()
        sealed = seal(sealer, custody, setting.now).sealed
        yield _cost("Sealing a row, CPU", (process_time() - begun) / sealed * 1e6, setting)
        begun = process_time()
        report = verify_record(sealer, custody)
        if not report.is_whole:
            raise RuntimeError(f"The log of the benchmark is not whole: {report.findings[0].en}")
        yield _cost("Verifying a row, CPU", (process_time() - begun) / sealed * 1e6, setting)
        begun = process_time()
        proofs = [proof_about(sealer, custody, f"subject-{n}").proofs for n in range(20)]
        count = sum(len(some) for some in proofs)
        yield _cost(
            "Proving a row to its subject, CPU", (process_time() - begun) / count * 1e6, setting
        )
        head = newest_head(custody)
        row = repository.sealed_about(sealer, "subject-7", head.size)[0]
        far = sum(block.count for block in wanted(inclusion_spans(5_000_000, 10_000_000)))
        yield _entry(
            "Hashes read for one proof",
            ours=sum(block.count for block in blocks_for([row], head)),
            better="neither",
            unit="",
            now=setting.now,
            note=f"among {head.size:,} rows; {far} among ten million",
        )


def _cost(name: str, microseconds: float, setting: Setting) -> Entry:
    return _entry(
        name,
        ours=microseconds,
        better="lower",
        unit="µs",
        now=setting.now,
        note=f"of our process, a log of {LARGE:,} rows, one run",
    )


def _write(addresses: Addresses, rows: int, *, first: int = 0) -> None:
    """Rows from several connections at once, no two alike: to swap equal ones would falsify nothing."""
    each = rows // _WRITERS

    def work(number: int) -> None:
        with psycopg.connect(addresses.app, options="-c statement_timeout=0") as connection:
            end = first + (number + 1) * each
            for start in range(end - each, end, 5_000):
                last = min(start + 5_000, end) - 1
                connection.execute(_INSERT, {"first": start, "last": last})
                connection.commit()

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(work, range(_WRITERS)))


def _custody(folder: Path) -> Custody:
    return Custody(folder / "audit", folder / "vault")
