"""What a run of the watch found out about one exposure: the contract between watch and alerts."""

from dataclasses import dataclass
from datetime import date

from models.signals.levels import Level


@dataclass(frozen=True)
class Evidence:
    """One value behind a finding, in the unit of its name.

    Attributes
    ----------
    datasets : frozenset of str
        What it was read from; decides whether it is shown in full, as a band or not at all.
    """

    name: str
    value: float
    unit: str
    datasets: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """A signal that holds for an enterprise, seen with what one institution may see.

    Attributes
    ----------
    way : int
        0 for the signal's first way.
    evidence : tuple of Evidence
    says : tuple of (zh, en)
        Sentences made when it was found, e.g. what changed within three months.
    since_grant : tuple of (zh, en) or None
        What changed since the loan was granted; None where that was not asked.
    """

    signal: str
    level: Level
    way: int
    datasets: frozenset[str]
    evidence: tuple[Evidence, ...] = ()
    says: tuple[tuple[str, str], ...] = ()
    since_grant: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Assessment:
    """Everything one run says of one exposure; a signal in neither list is unknown.

    Attributes
    ----------
    institution : str
        Tenant whose exposure it is, by code; `platform` for what the platform sees for itself.
    uscc : str
    as_of : date
    findings : tuple of Finding
    clear : frozenset of str
        Signals known not to hold.
    """

    institution: str
    uscc: str
    as_of: date
    findings: tuple[Finding, ...]
    clear: frozenset[str]
