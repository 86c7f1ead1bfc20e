"""Falsified records: every one must be found, whoever has which rights."""

import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from benchmarks.tampering import IN_DATABASE, IN_FILES, Scene, falsify
from serving.audit.papers import read_papers
from serving.audit.sealer import rotate_key, seal
from serving.audit.verify import verify
from serving.database.addresses import Addresses
from tests.records import NOW, Writers, custody_in

OPERATORS = sorted([*IN_DATABASE, *IN_FILES])


@dataclass(frozen=True)
class Kept:
    scene: Scene
    copy: Path


@pytest.fixture(scope="module")
def kept(fresh_database: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Generator[Kept]:
    """Some 350 rows of concurrent transactions under six heads and two keys."""
    folder = tmp_path_factory.mktemp("record")
    custody = custody_in(folder)
    with psycopg.connect(fresh_database.sealer, autocommit=True) as sealer:
        for turn in range(6):
            Writers(fresh_database.app, 60, turn).run()
            seal(sealer, custody, NOW + timedelta(hours=turn))
            if turn == 3:
                rotate_key(sealer, custody, NOW)
    with psycopg.connect(fresh_database.owner, autocommit=True) as owner:
        yield Kept(Scene(owner, custody, random.Random(1)), folder / "copy")  # noqa: S311 - a seed, not a secret


def test_the_untouched_record_is_whole(kept: Kept) -> None:
    papers = read_papers(kept.scene.custody)
    with kept.scene.connection.transaction():
        report = verify(kept.scene.connection, papers)
    assert report.findings == ()
    assert report.size > 257, "at least one tile"


@pytest.mark.parametrize("name", OPERATORS)
def test_every_way_to_falsify_is_found(kept: Kept, name: str) -> None:
    history(kept, [name] * 5)


@pytest.mark.soak
def test_ten_thousand_falsifications_are_found(kept: Kept) -> None:
    rng = random.Random(10_000)  # noqa: S311 - a seed, not a secret
    found = history(kept, [rng.choice(OPERATORS) for _ in range(10_000)])
    assert len(found) == len(OPERATORS)


def history(kept: Kept, names: list[str]) -> Counter[str]:
    papers = read_papers(kept.scene.custody)
    counts = Counter[str]()
    for number, name in enumerate(names):
        report = falsify(kept.scene, name, papers, kept.copy)
        assert not report.is_whole, f"{number}: {name} went unnoticed"
        for finding in report.findings:
            assert "{" not in finding.en + finding.zh
        counts[name] += 1
    return counts
