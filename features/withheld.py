"""What a scope closes: the rule the snapshot cuts by, and whoever masks what was computed before."""

from collections.abc import Collection

from features.contracts import Catalogue, Dataset, Sensitivity
from features.scope import DataScope


def is_closed(dataset: Dataset, scope: DataScope) -> bool:
    """Outside the scope, or the platform's own records, which no institution reads."""
    is_internal = dataset.document.sensitivity is Sensitivity.INTERNAL
    return not scope.opens(dataset.name) or (is_internal and scope.grantee is not None)


def is_decided_by_consent(dataset: Dataset, scope: DataScope) -> bool:
    """Whether the live consents of each enterprise say if an institution may see this."""
    return dataset.needs_consent and scope.grantee is not None


def withheld_datasets(
    catalogue: Catalogue, scope: DataScope, opened: Collection[str] = ()
) -> frozenset[str]:
    """Datasets a look may not see at an enterprise of which it is known what its consents open.

    Parameters
    ----------
    opened : collection of str
        Consent scopes that the enterprise has opened to the scope's grantee for its purpose; without
        a grantee none counts.

    Returns
    -------
    frozenset of str
        A vector with the features that read one of them set to NaN is, by the law of consent, the
        vector of a snapshot under that scope and those consents.
    """
    known = set(opened)
    return frozenset(
        dataset.name
        for dataset in catalogue
        if is_closed(dataset, scope)
        or (
            is_decided_by_consent(dataset, scope)
            and (dataset.document.consent_scope or "") not in known
        )
    )
