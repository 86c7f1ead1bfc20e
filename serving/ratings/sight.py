"""What one set of opened consent scopes lets a rating see, worked out once for each bundle."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from features.contracts import Catalogue
from features.scope import DataScope, Purpose
from features.withheld import withheld_datasets
from models.arrays import BoolArray
from models.bundle import Bundle

ScopeKind = Literal["self", "grantee"]


@dataclass(frozen=True)
class Opened:
    """Whose look it is, and what is open to it.

    Attributes
    ----------
    kind : {"self", "grantee"}
        A firm sees all that is held about it; an institution what the firm has opened to it.
    scopes : frozenset of str
        Consent scopes; none counts for `self`.
    """

    kind: ScopeKind
    scopes: frozenset[str] = frozenset()

    def withheld(self, catalogue: Catalogue) -> frozenset[str]:
        """Datasets that stay closed, by the snapshot's own rule."""
        grantee = None if self.kind == "self" else "grantee"
        scope = DataScope(frozenset(catalogue.datasets), Purpose.APPLY, date.max, grantee)
        return withheld_datasets(catalogue, scope, self.scopes)


@dataclass(frozen=True)
class Sight:
    """What a look sees of one bundle's features.

    Attributes
    ----------
    withheld : frozenset of str
        Datasets.
    hidden : ndarray of shape (k,)
        Columns of the model that read one of them.
    hidden_groups : tuple of str
        Reason groups of which nothing is seen.
    need_authorisation : tuple of str
        Consent scopes that would show the model more.
    """

    withheld: frozenset[str]
    hidden: BoolArray
    hidden_groups: tuple[str, ...]
    need_authorisation: tuple[str, ...]

    @property
    def sees_nothing(self) -> bool:
        """Whether the model could read nothing at all."""
        return bool(self.hidden.all())


def sight_of(bundle: Bundle, catalogue: Catalogue, opened: Opened, hidden: BoolArray) -> Sight:
    """Work out a sight; `hidden` are the model's columns under it."""
    withheld = opened.withheld(catalogue)
    features = bundle.manifest.features
    seen = {
        f.group for f, is_hidden in zip(features, hidden.tolist(), strict=True) if not is_hidden
    }
    read = {name for feature in features if feature.gain > 0 for name in feature.datasets}
    scopes = {catalogue[name].document.consent_scope for name in read & withheld}
    return Sight(
        withheld=withheld,
        hidden=hidden,
        hidden_groups=tuple(code for code in bundle.layout.groups if code not in seen),
        need_authorisation=tuple(sorted(scope for scope in scopes if scope)),
    )
