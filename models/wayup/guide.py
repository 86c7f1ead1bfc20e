"""One firm's way up from an open snapshot: what must be opened for it, and the search set up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from features.snapshot import Snapshot
from features.whatif import hold_firm
from models.bundle import Bundle
from models.matching.inputs import datasets_of, read_columns
from models.matching.matcher import Matcher
from models.products.base import base_rule
from models.products.book import ProductEntry, ProductVersion
from models.products.shelf import rule_of
from models.tags.book import Tags
from models.watching.setting import COLUMNS
from models.wayup.search import WaySearch, WayUp
from models.wayup.steps import Steps, load_steps
from models.wayup.targets import GradeTarget, ProductTarget, Rater, Target

Said = Mapping[str, float | str | None]


@dataclass(frozen=True)
class Guide:
    """Shows ways up with one model, on one day.

    Parameters
    ----------
    rater : Rater
    steps : Steps
        Those in force.
    columns : Registry
        Features and facts there are.
    """

    rater: Rater
    steps: Steps
    day: date
    columns: Registry = COLUMNS

    @classmethod
    def of(cls, bundle: Bundle, as_of_date: date) -> "Guide":
        """With our steps, and the knock-outs the bundle keeps."""
        steps = load_steps().at(as_of_date, Vocabulary.of(COLUMNS))
        return cls(Rater.of(bundle, as_of_date, COLUMNS), steps, as_of_date)

    def to_grade(self, grade: str) -> GradeTarget:
        """A grade as a target.

        Raises
        ------
        RequestError
            If there is no such grade.
        """
        return GradeTarget.of(grade, self.rater)

    def to_product(
        self, entry: ProductEntry, version: ProductVersion, tags: Tags, said: Said
    ) -> ProductTarget:
        """A product as a target; `said` is the need, the offer and the firm's own word."""
        where = f"product {entry.code}"
        rule = rule_of(version, base_rule(self.day), where)
        matcher = Matcher.of_rules([(where, rule)], tags.vocabulary)
        return ProductTarget(entry.code, matcher, tags, said, frozenset(self.columns.names))

    def datasets(self, target: Target) -> frozenset[str]:
        """What a snapshot must open."""
        names = {*self.rater.names, *target.names, *self.steps.names}
        asked = self.columns.select(sorted(names)).datasets | self.steps.reads
        given = datasets_of(target.asked) if isinstance(target, ProductTarget) else frozenset[str]()
        return asked | given

    def show(self, snapshot: Snapshot, key: int, target: Target) -> WayUp | None:
        """The way up of one firm; None if it was on no register by the day.

        Parameters
        ----------
        snapshot : Snapshot
            Of this firm alone under scope kind `self`; used up.
        """
        found = snapshot.connection.execute("SELECT count(*) FROM enterprise").fetchall()
        if found == [(0,)]:
            return None
        if isinstance(target, ProductTarget):
            given = [name for name in target.asked if name not in target.computed]
            target = target.knowing(read_columns(snapshot, given).row(0))
        what = hold_firm(snapshot, key)
        return WaySearch(what, self.columns, self.steps, self.rater).find(target)
