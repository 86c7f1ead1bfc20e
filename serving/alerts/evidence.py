"""What of a finding a lender may be told: public values as they are, others as a band or not at all.

It is decided when an alert is written. What may not be told is not kept.
"""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from features.contracts import Catalogue, Sensitivity, Words
from features.definitions import REGISTRY
from features.documents import Document, load_document
from features.errors import CatalogueError
from features.facts import FACTS
from models.signals.book import Disclosure
from models.signals.finding import Evidence, Finding
from serving.alerts.rows import Shown
from serving.reports.bands import Band

PATH = Path(__file__).with_name("evidence.yaml")
#: Beside the scope of the data themselves: a firm opens them for watching its loan.
POSTLOAN = "postloan"
_YES = Words(zh="是", en="yes")


class EvidenceDocument(Document):
    """`evidence.yaml` as written."""

    edges: dict[str, tuple[float, ...]]
    units: dict[str, Words]
    names: dict[str, Words]


@cache
def load_evidence() -> EvidenceDocument:
    """Read the edges, units and names.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    return load_document(PATH, EvidenceDocument, CatalogueError)


@cache
def words_of(name: str) -> Words:
    """What a value is called: a feature's or a fact's own words."""
    for registry in (REGISTRY, FACTS):
        if name in registry.names:
            return registry[name].words
    return load_evidence().names.get(name, Words(zh=name, en=name))


def needs_of(datasets: Collection[str], catalogue: Catalogue) -> frozenset[str]:
    """Scopes that must be open before a lender hears of a signal that was read from these datasets.

    Examples
    --------
    >>> from features.contracts import load_catalogue
    >>> sorted(needs_of({"admin_penalty", "pension_month"}, load_catalogue()))
    ['postloan', 'social_insurance']
    """
    closed = [catalogue[name].document for name in datasets if not _is_public(name, catalogue)]
    scopes = {one.consent_scope for one in closed if one.consent_scope}
    return frozenset(scopes | {POSTLOAN}) if closed else frozenset()


def shown_of(
    finding: Finding, disclose: Disclosure, catalogue: Catalogue
) -> tuple[list[dict[str, str]], list[list[str]]]:
    """Evidence and sentences of a finding as they are kept."""
    shown = [_shown(one, disclose, catalogue) for one in finding.evidence]
    says = told_of(finding.says, finding, disclose, catalogue)
    return [asdict(one) for one in shown if one is not None], says


def told_of(
    says: Iterable[tuple[str, str]], finding: Finding, disclose: Disclosure, catalogue: Catalogue
) -> list[list[str]]:
    """Sentences of a finding as they are kept: none of data of which only the signal may be told."""
    is_bare = disclose == "flag" and bool(needs_of(finding.datasets, catalogue))
    return [] if is_bare else [list(pair) for pair in says]


def _shown(one: Evidence, disclose: Disclosure, catalogue: Catalogue) -> Shown | None:
    if all(_is_public(name, catalogue) for name in one.datasets):
        told = exact(one.value, one.unit)
    elif disclose == "flag" or one.unit not in load_evidence().edges:
        return None
    else:
        told = banded(one.value, one.unit)
    return Shown(one.name, told.zh, told.en)


def _is_public(dataset: str, catalogue: Catalogue) -> bool:
    return catalogue[dataset].document.sensitivity is Sensitivity.PUBLIC


def exact(value: float, unit: str) -> Words:
    """A value with its unit.

    Examples
    --------
    >>> exact(-0.615, "ratio").zh, exact(120000, "cny").en
    ('-61.5%', '120,000 CNY')
    """
    if unit == "flag":
        return _YES if value else Words(zh="否", en="no")
    if unit == "ratio":
        return Words(zh=f"{value:.1%}", en=f"{value:.1%}")
    number = f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
    units = load_evidence().units[unit]
    return Words(zh=f"{number}{units.zh}", en=f"{number} {units.en}".strip())


def banded(value: float, unit: str) -> Words:
    """The band of a value; a ratio below zero is told as a fall.

    Examples
    --------
    >>> banded(-0.55, "ratio").zh, banded(-0.95, "ratio").en, banded(0.12, "ratio").en
    ('下降50%至60%', 'down 90% or more', '10% to under 20%')
    >>> banded(12, "count").zh
    '10至不足20'
    """
    edges = load_evidence().edges[unit]
    if unit != "ratio":
        return Band(unit=load_evidence().units[unit], edges=edges).words(value)
    if value < 0:
        falls = [-edge for edge in edges if edge <= 0]
        low = max(fall for fall in falls if fall <= -value)
        high = min((fall for fall in falls if fall > -value), default=None)
        if high is None:
            return Words(zh=f"下降{low:.0%}以上", en=f"down {low:.0%} or more")
        return Words(zh=f"下降{low:.0%}至{high:.0%}", en=f"down {low:.0%} to {high:.0%}")
    low = max(edge for edge in edges if edge <= value)
    high = min((edge for edge in edges if edge > value), default=None)
    if high is None:
        return Words(zh=f"{low:.0%}及以上", en=f"{low:.0%} or more")
    return Words(zh=f"{low:.0%}至不足{high:.0%}", en=f"{low:.0%} to under {high:.0%}")
