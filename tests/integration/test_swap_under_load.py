"""Bundles and builds are swung under load: no answer fails, and none is of two."""

import os
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from benchmarks.callers import Headers, add_bank
from features.clock import now_in_shanghai
from features.identifiers import synthetic_uscc
from models.aliases import named_bundle
from serving.database.embedded import embedded
from tests.consents_by_hand import open_town
from tests.real_service import Server, serving, until

if TYPE_CHECKING:
    from tests.swaps import Points, Rider, State

BANK = synthetic_uscc("swaps", "bank")
RIDERS_EACH = 2
#: A token is good for ten minutes; riders get another after so many swings.
TOKEN_SWINGS = 20

_KEPT = """
SELECT rating_id, uscc, model, bundle_id, score, grade, feature_hash,
    encode(sha256(convert_to(document, 'UTF8')), 'hex') FROM rating
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@dataclass(frozen=True)
class Tally:
    """What came of it."""

    swings: int
    answers: int


def test_three_swings_fail_nothing_and_mix_nothing(tmp_path: Path) -> None:
    tally = history(tmp_path, ["bundle", "build", "damaged", "bundle"])
    assert tally.swings == 3


@pytest.mark.soak
def test_a_hundred_swings_fail_nothing_and_mix_nothing(tmp_path: Path) -> None:
    swings = int(os.environ.get("SWINGS", "100"))
    rng = random.Random(100)  # noqa: S311 - a seed, not a secret
    names = rng.choices(["bundle", "build"], [2, 1], k=swings)
    for place in range(0, swings, 10):
        names.insert(place, "damaged")
    assert history(tmp_path, names).swings == swings


def history(folder: Path, names: Sequence[str]) -> Tally:
    """Load a service, swing one thing after the other, and look at every answer."""
    # They load LightGBM, for these tests alone.
    from tests.rated_town import make_model, make_town  # noqa: PLC0415
    from tests.swaps import foretold_points  # noqa: PLC0415

    town, made = make_town(folder), list["Points"]()
    bundles = named_bundle(folder / "bundles").name, make_model(folder, seed=2)

    def move_in(home: Path) -> None:
        town.move_in(home)
        made.append(foretold_points(home, town, bundles, BANK))

    with serving(move_in) as server:
        (points,) = made
        check_points_differ(points)
        riders = mounted(server, points)
        states = [points.state]
        arrive(riders, points.state)
        for number, name in enumerate(names):
            if number % TOKEN_SWINGS == TOKEN_SWINGS - 1:
                _renew(server, riders)
            if name == "damaged":
                promote_damaged(server, points, riders, seed=3 + number)
                continue
            {"bundle": points.swing_bundle, "build": points.swing_build}[name]()
            arrive(riders, points.state)
            states.append(points.state)
        for rider in riders:
            rider.stopped.set()
        for rider in riders:
            rider.join(60)
            assert not rider.is_alive()
        check_answers(riders, states)
        check_ledger(server, riders)
        check_is_not_blind(points, riders[0])
        assert (server.ask("/readyz")[0], server.process.poll()) == (200, None)
        assert {rider.worker for rider in riders} == set(server.children("serving.worker"))
    return Tally(len(states) - 1, sum(len(rider.kept) for rider in riders))


def check_points_differ(points: "Points") -> None:
    """Most firms are told another score by the other bundle, and by the other vectors."""
    told, (one, other) = points.foretold.documents, points.bundles
    usccs = points.town.usccs
    for left, right in (
        ((one, "own"), (other, "own")),
        ((one, "own"), (one, "neighbour's")),
        ((other, "own"), (other, "neighbour's")),
    ):
        scores = [(told[*left, uscc]["score"], told[*right, uscc]["score"]) for uscc in usccs]
        assert 2 * sum(score != another for score, another in scores) > len(usccs)


def mounted(server: Server, points: "Points") -> "list[Rider]":
    """Riders on their way, on both workers."""
    from tests.swaps import Rider, mount  # noqa: PLC0415 - loads LightGBM

    headers = let_in(server, points.town.usccs)
    riders = mount(server, RIDERS_EACH, lambda line, worker: Rider(line, worker, headers, points))
    for rider in riders:
        rider.start()
    return riders


def let_in(server: Server, firms: Sequence[str]) -> Headers:
    """The bank's headers; firms open to it."""
    now = now_in_shanghai()
    with embedded(server.home / "database") as addresses:
        if firms:
            open_town(addresses, firms, BANK, now)
        return add_bank(addresses, server.home, BANK, {"rating:create"}, now)


def _renew(server: Server, riders: "list[Rider]") -> None:
    headers = let_in(server, ())
    for rider in riders:
        rider.headers = headers


def arrive(riders: "list[Rider]", state: "State") -> None:
    """Wait until every rider was answered from the new state: each worker has come to it."""

    def have() -> bool:
        _check_none_failed(riders)
        return all(rider.states[-1:] == [state] for rider in riders)

    until(have)


def promote_damaged(server: Server, points: "Points", riders: "list[Rider]", seed: int) -> None:
    """A bundle of which a byte has changed becomes champion: each worker says so, and goes on."""
    from tests.rated_town import let_serve, make_model  # noqa: PLC0415 - loads LightGBM

    bundle_id = make_model(server.home, seed)
    model = server.home / "bundles" / bundle_id / "model.txt"
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    said = _refusals(server)
    let_serve(server.home, bundle_id)
    until(lambda: _refusals(server) >= said + 2)
    before = [len(rider.kept) for rider in riders]
    until(lambda: all(len(r.kept) > count + 1 for r, count in zip(riders, before, strict=True)))
    _check_none_failed(riders)
    assert all(rider.states[-1] == points.state for rider in riders)


def _refusals(server: Server) -> int:
    return sum(line.get("words") == "bundle refused: bundle" for line in server.log)


def check_answers(riders: "list[Rider]", states: "list[State]") -> None:
    """None failed, none was mixed, and each worker went where it was sent and never back."""
    _check_none_failed(riders)
    mixed = [one for rider in riders for one in rider.mixed]
    assert not mixed, f"{len(mixed)} mixed: {'; '.join(mixed[:5])}"
    assert all(rider.states == states for rider in riders)


def _check_none_failed(riders: "list[Rider]") -> None:
    failed = [one for rider in riders for one in rider.failed]
    assert not failed, f"{len(failed)} failed: {'; '.join(failed)}"


def check_ledger(server: Server, riders: "list[Rider]") -> None:
    """The ledger holds what was answered, word for word, and nothing else."""
    with (
        embedded(server.home / "database") as addresses,
        psycopg.connect(addresses.owner) as connection,
    ):
        rows = connection.execute(_KEPT).fetchall()
    answered = {rating: kept for rider in riders for rating, kept in rider.kept.items()}
    assert {row[0]: row[1:] for row in rows} == answered
    assert len(rows) == len(answered)


def check_is_not_blind(points: "Points", rider: "Rider") -> None:
    """An answer with anything of the other bundle, or of the other vectors, is seen."""
    uscc, told = rider.last
    assert points.foretold.differences(uscc, told) == []
    (other,) = set(points.bundles) - {told["bundle_id"]}
    for key, named in (
        ((other, points.vectors), "the other bundle's"),
        ((told["bundle_id"], points.other_vectors), "the other vectors'"),
    ):
        foreign = points.foretold.documents[*key, uscc]
        moved = [name for name, value in foreign.items() if value != told[name]]
        assert moved, named
        for name in moved:
            assert points.foretold.differences(uscc, told | {name: foreign[name]}), (named, name)
