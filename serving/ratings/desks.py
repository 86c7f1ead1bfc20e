"""The desk of a worker, kept up to date: a promoted bundle, a new build or a landing makes the next one.

The files that say so are looked at, at most twice a second; what has to be read is read in a thread, and
the new desk takes the old one's place in one assignment. A bundle or a build that cannot be read is said
aloud and the one before goes on; it holds back nothing else that is new.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from features.contracts import Catalogue, load_catalogue
from features.definitions import REGISTRY
from features.errors import XinqiaoError
from features.facts import COLUMNS
from features.lake import Lake
from features.online import CURRENT, OnlineVectors, open_online
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.stale import Stale, stale_firms
from models.aliases import ALIASES, RATING_KINDS, named_bundle
from models.bundle import Bundle, load_bundle
from serving.ratings.desk import Desk
from serving.ratings.errors import NoModelError
from serving.ratings.sight import Opened

_LOG = logging.getLogger("xinqiao.ratings")
#: How often files are looked at, and how often it is asked which repairs have fallen due.
LOOK_EVERY, DUE_EVERY = timedelta(seconds=0.5), timedelta(minutes=10)
#: Firms' facts are computed from the lake by so few threads, so that the others keep their time.
_LOOK_UPS = 2

_NEVER = datetime(2000, 1, 1)

Stamp = tuple[object, ...]
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class _Stamps:
    """What the files said when a desk was made."""

    aliases: Stamp
    online: Stamp
    lake: Stamp


@dataclass
class Desks:
    """The desk of now.

    Parameters
    ----------
    home : Path
        With `bundles`, `online`, `lake` and `tables`.
    """

    home: Path
    registry: Registry = REGISTRY
    catalogue: Catalogue = field(default_factory=load_catalogue)
    _desk: Desk | None = None
    #: What was last tried, and what the desk of now was made from.
    _tried: _Stamps | None = None
    _known: _Stamps | None = None
    _refused: dict[str, str] = field(default_factory=dict[str, str])
    _looked_at: datetime = _NEVER
    _made_at: datetime = _NEVER
    _making: asyncio.Task[None] | None = None
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="look-up")
    )

    @property
    def refused(self) -> str:
        """Why what is recorded is not what serves; empty if it is."""
        return " ".join(self._refused.values())

    async def desk(self, now: datetime) -> Desk:
        """The desk to work at for one whole request.

        Raises
        ------
        NoModelError
            If there is none yet and none can be made.
        """
        if self._desk is None:
            await self._start(now)
            return self._require()
        if not timedelta(0) <= now - self._looked_at < LOOK_EVERY:
            self._looked_at = now
            self._renew(now)
        return self._desk

    async def fresh(self, now: datetime) -> Desk:
        """The desk after everything that has changed by now was read.

        Raises
        ------
        NoModelError
            As `desk`.
        """
        await self.desk(now)
        await self.settle()
        self._renew(now)
        await self.settle()
        return self._require()

    async def settle(self) -> None:
        """Wait for a desk in the making; for tests and for whoever stops."""
        if self._making is not None:
            await asyncio.shield(self._making)

    def close(self) -> None:
        """Give the threads back."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _require(self) -> Desk:
        if self._desk is None:
            raise NoModelError(
                en=f"No rating can be given now. {self.refused}",
                zh=f"暂时无法评级。{self.refused}",
                details={"retry_after_seconds": 5},
            )
        return self._desk

    async def _start(self, now: datetime) -> None:
        """The first desk; all who ask meanwhile wait for the same one."""
        if self._making is None or self._making.done():
            self._making = asyncio.ensure_future(self._make(self._read_stamps(), now))
        await asyncio.shield(self._making)

    def _renew(self, now: datetime) -> None:
        if self._making is not None and not self._making.done():
            return
        stamps = self._read_stamps()
        if stamps != self._tried or now - self._made_at > DUE_EVERY or now < self._made_at:
            self._making = asyncio.ensure_future(self._make(stamps, now))

    async def _make(self, stamps: _Stamps, now: datetime) -> None:
        before, known = self._desk, self._known
        # Not tried again before a file changes or repairs are due.
        self._tried, self._made_at = stamps, now
        try:
            made = await asyncio.to_thread(self._made, before, known, stamps, now)
        except XinqiaoError as refused:
            self._refuse("desk", refused)
            if before is None:
                self._tried = None
            return
        self._refused.pop("desk", None)
        self._known, self._desk = stamps, made

    def _refuse(self, part: str, refused: XinqiaoError) -> None:
        self._refused[part] = refused.en
        _LOG.error("%s refused: %s", part, refused.code)

    def _read_stamps(self) -> _Stamps:
        return _Stamps(
            _stamp(self.home / "bundles" / ALIASES),
            _stamp(self.home / "online" / CURRENT),
            _stamp(self.home / "lake" / "commits"),
        )

    def _made(
        self, before: Desk | None, known: _Stamps | None, stamps: _Stamps, now: datetime
    ) -> Desk:
        """A whole new desk from what has changed and what has not."""
        bundle, online = before and before.bundle, before and before.online
        if bundle is None or known is None or known.aliases != stamps.aliases:
            bundle = self._or_before("bundle", lambda: self._bundle(before), bundle)
        if online is None or known is None or known.online != stamps.online:
            online = self._or_before("build", lambda: open_online(self.home / "online"), online)
        return self._desk_of(bundle, online, before.warm_scopes if before else (), now)

    def _or_before(self, part: str, read: Callable[[], _Part], before: _Part | None) -> _Part:
        """What is read; where it is refused, what there was."""
        try:
            found = read()
        except XinqiaoError as refused:
            if before is None:
                raise
            self._refuse(part, refused)
            return before
        self._refused.pop(part, None)
        return found

    def _bundle(self, before: Desk | None) -> Bundle:
        folder = named_bundle(self.home / "bundles")
        if before is not None and folder.name == before.bundle.id:
            return before.bundle
        bundle = load_bundle(folder, self.registry, self.home / "tables")
        if bundle.manifest.probability_kind not in RATING_KINDS or bundle.id != folder.name:
            raise NoModelError(
                en=f"The bundle in {folder.name} is not the rating model it is recorded as.",
                zh=f"目录 {folder.name} 中的模型包与登记的评级模型不符。",
            )
        return bundle

    def _desk_of(
        self, bundle: Bundle, online: OnlineVectors, scopes: tuple[Opened, ...], now: datetime
    ) -> Desk:
        lake = Lake(self.home / "lake").view()
        unknown = Stale(frozenset(), is_everyone=True, lake_version=lake.version)
        held = online.defined_as(COLUMNS)
        draft = Desk(bundle, online, lake, unknown, self.registry, self.catalogue, held, unknown)
        read = draft.columns_for(draft.knockouts)
        everything = frozenset(self.catalogue.datasets)
        scope = DataScope(everything, Purpose.SELF_REPORT, until=max(now.date(), draft.as_of_date))
        stale, unsure = (
            stale_firms(online, lake, self.catalogue, columns, scope, now=now)
            for columns in (read, held)
        )
        made = replace(draft, stale=stale, unsure=unsure)
        for opened in {Opened("self"), Opened("grantee"), *scopes}:
            sight = made.sight(opened)
            if not sight.sees_nothing and len(online.usccs):
                uscc = online.usccs[0].decode()
                facts = made.at_hand(uscc, online.as_of_date)
                if facts is not None:
                    made.rate(facts, sight)
        return made


def _stamp(path: Path) -> Stamp:
    """What changes when a file is replaced, a link swung or an entry added to a folder."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size
