"""Swinging what a real service rates with, and callers who hold every answer against what must have been said.

What each bundle says of each firm from each build is computed beforehand, in process. An answer names its
bundle and its build; it is mixed if it differs in anything from what these two give together.
"""

import asyncio
import hashlib
import http.client
import json
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.callers import Headers
from features.clock import now_in_shanghai
from features.facts import COLUMNS
from features.lake import Lake
from features.online import Vectors, open_online, write_vectors
from features.scope import Purpose
from serving.access.decision import LiveConsent
from serving.ratings.desks import Desks
from serving.ratings.service import Order, rate
from tests.consents_by_hand import TOWN_SCOPES
from tests.rated_town import Town, let_serve
from tests.real_service import Server, until

Document = dict[str, Any]

#: What an asking adds; the build is named, and judged by what its vectors give.
_OF_THE_ASKING = frozenset({"rating_id", "rated_at", "online_build"})
_BESIDE = ',"beside":'


@dataclass(frozen=True)
class State:
    """What an answer says it was made with: ids of the bundle and the build."""

    bundle_id: str
    build: str


@dataclass
class Foretold:
    """What must be said.

    Attributes
    ----------
    documents : dict
        Of a bundle, a set of vectors and a firm: its rating without what an asking adds.
    builds : dict of str to str
        Which set of vectors a build holds.
    """

    documents: dict[tuple[str, str, str], Document] = field(
        default_factory=dict[tuple[str, str, str], Document]
    )
    builds: dict[str, str] = field(default_factory=dict[str, str])

    def differences(self, uscc: str, told: Document) -> list[str]:
        """Members that are not as the bundle and the build that are named say together."""
        vectors = self.builds.get(told["online_build"], "")
        meant = self.documents.get((told["bundle_id"], vectors, uscc))
        if meant is None:
            return ["bundle_id", "online_build"]
        said = _lasting(told)
        return sorted(
            name for name in said.keys() | meant.keys() if said.get(name) != meant.get(name)
        )


@dataclass
class Points:
    """Both things that can be swung, and where they stand."""

    home: Path
    town: Town
    bundles: tuple[str, str]
    foretold: Foretold = field(default_factory=Foretold)
    sets: dict[str, Vectors] = field(default_factory=dict[str, Vectors])
    bundle: int = 0
    vectors: str = "own"

    def __post_init__(self) -> None:
        """Read the town's vectors; of the other set each firm's are its neighbour's."""
        build = open_online(self.home / "online")
        assert build.kinds is not None
        own = np.full((len(build.usccs), len(COLUMNS)), np.nan)
        own[:, [COLUMNS.names.index(name) for name in build.names]] = build.vectors
        rows = np.flatnonzero(np.isin(build.usccs, [code.encode() for code in self.town.usccs]))
        order = np.arange(len(own))
        order[rows] = np.roll(rows, 1)
        usccs, kinds = np.array(build.usccs), np.array(build.kinds)
        self.sets = {
            "own": Vectors(usccs, own, kinds),
            "neighbour's": Vectors(usccs, own[order], kinds[order]),
        }
        self._write()

    @property
    def state(self) -> State:
        """What serves when everybody has come to it."""
        build = (self.home / "online" / "current").resolve().name
        return State(self.bundles[self.bundle], build)

    @property
    def other_vectors(self) -> str:
        """The set that is not current."""
        return next(name for name in self.sets if name != self.vectors)

    def swing_bundle(self) -> None:
        """The other bundle becomes the champion."""
        self.bundle = 1 - self.bundle
        let_serve(self.home, self.bundles[self.bundle])

    def swing_build(self) -> None:
        """The other set of vectors becomes the current build."""
        self.vectors = self.other_vectors
        self._write()

    def _write(self) -> None:
        """Of today and of every feature there is: so the upkeep finds nothing to renew."""
        now = now_in_shanghai()
        made = write_vectors(
            self.sets[self.vectors],
            COLUMNS,
            now.date(),
            self.home / "online",
            lake_version=Lake(self.home / "lake").view().version,
            now=now,
        )
        self.foretold.builds[made.folder.name] = self.vectors

    async def foretell(self, bank: str, now: datetime) -> None:
        """Compute what must be said, through each swing once."""
        desks = Desks(self.home)
        for swing in (self.swing_bundle, self.swing_build) * 2:
            swing()
            desk = await desks.fresh(now)
            for uscc in self.town.usccs:
                consent = LiveConsent((f"C-town-{uscc}",), frozenset(TOWN_SCOPES))
                order = Order(uscc, Purpose.APPLY, bank, "A-1")
                rating = await rate(desks, desk, order, consent, now)
                said = _lasting(json.loads(rating.document))
                self.foretold.documents[rating.bundle_id, self.vectors, uscc] = said
        desks.close()


def foretold_points(home: Path, town: Town, bundles: tuple[str, str], bank: str) -> Points:
    """Points of a home whose every answer is known."""
    points = Points(home, town, bundles)
    asyncio.run(points.foretell(bank, now_in_shanghai()))
    return points


@dataclass
class Rider(threading.Thread):
    """Asks for ratings without a pause, on one connection to one worker.

    Attributes
    ----------
    failed, mixed : list of str
        Answers that were none, or not of one bundle and one build.
    states : list of State
        What the answers said they were made with, each as often as it came anew.
    kept : dict
        Of every rating's id what the ledger must hold.
    """

    line: http.client.HTTPConnection
    worker: int
    headers: Headers
    points: Points
    failed: list[str] = field(default_factory=list[str])
    mixed: list[str] = field(default_factory=list[str])
    states: list[State] = field(default_factory=list[State])
    kept: dict[str, tuple[object, ...]] = field(default_factory=dict[str, tuple[object, ...]])
    last: tuple[str, Document] = ("", {})
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        """Ask."""
        rng = random.Random(self.line.sock.fileno())  # noqa: S311 - a seed, not a secret
        while not self.stopped.is_set() and not self.failed:
            uscc = rng.choice(self.points.town.usccs)
            body = json.dumps({"uscc": uscc, "purpose": "apply"})
            headers = {**self.headers, "Content-Type": "application/json"}
            try:
                self.line.request("POST", "/v1/ratings", body, headers)
                answer = self.line.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException) as broken:
                self.failed.append(type(broken).__name__)
                break
            if answer.status == 201:
                self._hold(uscc, text)
            else:
                self.failed.append(f"{answer.status} {text}")
        self.line.close()

    def _hold(self, uscc: str, text: str) -> None:
        told: Document = json.loads(text)
        del told["beside"]
        different = self.points.foretold.differences(uscc, told)
        if different:
            self.mixed.append(f"{told['rating_id']}: {', '.join(different)}")
        state = State(told["bundle_id"], told["online_build"])
        if self.states[-1:] != [state]:
            self.states.append(state)
        self.last = uscc, told
        document = f"{text.split(_BESIDE, maxsplit=1)[0]}}}"
        self.kept[told["rating_id"]] = (
            uscc,
            *(told[name] for name in ("model", "bundle_id", "score", "grade", "feature_hash")),
            hashlib.sha256(document.encode()).hexdigest(),
        )


def mount(
    server: Server, each: int, make: Callable[[http.client.HTTPConnection, int], Rider]
) -> list[Rider]:
    """So many riders for each worker; a connection that went to one that has its riders is given back."""
    riders: list[Rider] = []
    workers = server.children("serving.worker")

    def has_more() -> bool:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        line.connect()
        found: list[int] = []
        until(lambda: found.extend(_workers_of(line, server.port, workers)) or found)
        if sum(rider.worker == found[0] for rider in riders) < each:
            riders.append(make(line, found[0]))
        else:
            line.close()
        return len(riders) == each * len(workers)

    until(has_more)
    return riders


def _workers_of(line: http.client.HTTPConnection, port: int, workers: Sequence[int]) -> list[int]:
    """Which worker has accepted a connection; none before one has."""
    ours = line.sock.getsockname()[1]
    ends = [row.split() for row in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    inodes = {
        f"socket:[{row[9]}]"
        for row in ends
        if (row[1][-4:], row[2][-4:]) == (f"{port:04X}", f"{ours:04X}")
    }
    return [
        worker
        for worker in workers
        for number in Path(f"/proc/{worker}/fd").iterdir()
        if _target(number) in inodes
    ]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # closed meanwhile
        return ""


def _lasting(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in _OF_THE_ASKING}
