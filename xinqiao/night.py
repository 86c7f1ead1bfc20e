"""What `match` and `nightly` share: who rates, what is offered, what is watched, and the features of them all."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import BundleError, RequestError
from features.lake import Lake, LakeView
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from models.aliases import CHAMPION, named_bundle
from models.bundle import load_bundle
from models.matching.chances import FILE_NAME, Chances, load_belief, read_chances
from models.matching.offering import Offering, offering_of
from models.night.everyone import Raters, Swept, sweep
from models.night.firms import NightFirms, write_firms
from models.watching.setting import COLUMNS, set_watch
from xinqiao.console import progress
from xinqiao.night_ledger import LedgerPart, read_ledger
from xinqiao.settings import Settings

#: Blocks of firms worked on side by side.
THREADS = 2


@dataclass(frozen=True, eq=False)
class NightDesk:
    """Everything a night needs, opened once.

    Attributes
    ----------
    raters : Raters or None
        None where no model serves; nobody is rated then.
    absent : BundleError or None
        Why not.
    ledger : LedgerPart
        What people have entered; part of what is offered.
    registry : Registry
        Features and facts that any stage asks for.
    """

    settings: Settings
    day: date
    now: datetime
    lake: LakeView
    raters: Raters | None
    absent: BundleError | None
    ledger: LedgerPart
    chances: Chances
    offering: Offering
    registry: Registry

    @property
    def folder(self) -> Path:
        """Where the day's files are kept."""
        return self.settings.night / self.day.isoformat()

    def write_firms(self) -> NightFirms:
        """Build the features of every firm, or keep them."""
        with progress("计算特征", "Building features"):
            return write_firms(
                self.lake, load_catalogue(), self.registry, self.day, self.folder, now=self.now
            )

    def sweep(self, firms: NightFirms, out: Path) -> Swept:
        """Rate and match every firm."""
        with progress("评级与匹配", "Rating and matching") as bar:
            return sweep(
                firms, self.raters, self.offering, self.day, out,
                claims=self.ledger.claims, threads=THREADS, on_progress=bar,
            )  # fmt: skip

    @property
    def stamp(self) -> str:
        """What was entered and learnt, in one text, without the day on which it was learnt."""
        return self.ledger.stamp + self.chances.model_dump_json(exclude={"fitted_on"})


def open_desk(settings: Settings, day: date, now: datetime, *, most: int = 10) -> NightDesk:
    """Open what a night needs.

    Raises
    ------
    RequestError
        If the day lies in the future.
    RuleError
        If a product, tag or signal in force is wrong.
    DatabaseError, SchemaError, UnavailableError
        If there is a ledger and it cannot be read.
    """
    if day > now.date():
        raise RequestError(
            en=f"The as-of date {day} lies in the future; today is {now.date()}.",
            zh=f"截止日 {day} 在今天（{now.date()}）之后。",
        )
    lake = Lake(settings.lake).view()
    raters, absent = _raters(settings, lake, day)
    chances = read_chances(settings.home / "matching" / FILE_NAME, load_belief(day))
    ledger = read_ledger(settings, day)
    offering = offering_of(ledger.entries, day, chances, most=most)
    watch = set_watch(settings.bundles, settings.tables, day).watch
    asked = {*offering.names, *watch.names, *(raters.names if raters else ())}
    registry = COLUMNS.select([name for name in COLUMNS.names if name in asked])
    return NightDesk(settings, day, now, lake, raters, absent, ledger, chances, offering, registry)


def _raters(
    settings: Settings, lake: LakeView, day: date
) -> tuple[Raters | None, BundleError | None]:
    try:
        folder = named_bundle(settings.bundles, CHAMPION)
    except BundleError as nobody:
        return None, nobody
    bundle = load_bundle(folder, REGISTRY, settings.tables)
    knockouts = bundle.knockouts.at(day, Vocabulary.of(REGISTRY))
    return Raters(bundle, knockouts, lake.origins()), None
