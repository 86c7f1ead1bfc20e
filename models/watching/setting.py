"""What a day's watch asks: the signals in force, and the models that serve."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from features.definitions import REGISTRY
from features.errors import BundleError
from features.facts import COLUMNS
from features.rules.vocabulary import Vocabulary
from models.alert import ALERT_6M
from models.aliases import CHAMPION, named_bundle
from models.bundle import Bundle, load_bundle
from models.signals.book import load_signals
from models.signals.exposure_facts import EXPOSURE_FACTS
from models.watching.opinions import Judge
from models.watching.watch import Watch

#: Which models take part: the early warning, and the rating whose grades are followed.
MODELS = (ALERT_6M, CHAMPION)


@dataclass(frozen=True)
class Setting:
    """A watch and what it is made of.

    Attributes
    ----------
    bundles : tuple of (Path or None)
        Folder of each of `MODELS`; None where it is absent.
    absent : sequence of BundleError
        Why a model takes no part; its signals are unknown then.
    """

    watch: Watch
    day: date
    bundles: tuple[Path | None, ...]
    absent: Sequence[BundleError]

    @property
    def version(self) -> str:
        """Version of the early warning, empty without one."""
        return self.watch.warning.bundle.manifest.version if self.watch.warning else ""


def serving(bundles: Path) -> tuple[Path | None, ...]:
    """The folders of the models that serve now."""

    def folder(name: str) -> Path | None:
        try:
            return named_bundle(bundles, name)
        except BundleError:
            return None

    return tuple(folder(name) for name in MODELS)


def set_watch(bundles: Path, tables: Path, day: date) -> Setting:
    """Compile the signals of a day and open the models that serve.

    Parameters
    ----------
    bundles, tables : Path
        Where bundles and the tables of their contributions are kept.

    Raises
    ------
    RuleError
        If a signal in force asks about what nothing provides.
    """
    absent: list[BundleError] = []

    def opened(name: str) -> Bundle | None:
        try:
            return load_bundle(named_bundle(bundles, name), REGISTRY, tables)
        except BundleError as nobody:
            absent.append(nobody)
            return None

    folders = serving(bundles)
    warning, rating = (opened(name) for name in MODELS)
    vocabulary = Vocabulary.of(COLUMNS, EXPOSURE_FACTS)
    watch = Watch(
        signals=load_signals().at(day, vocabulary),
        vocabulary=vocabulary,
        registry=COLUMNS,
        warning=Judge(warning) if warning else None,
        cut_off=warning.manifest.metrics["cut_off"] if warning else 1.0,
        rating=Judge(rating) if rating else None,
    )
    return Setting(watch, day, folders, absent)
