"""Firms tied to others by who represents or holds them, as far as the public register shows.

A tie is the legal representative or a holder of a quarter or more, known by token or code, never by
name. Other firms are read through `everyone_<dataset>`, which exists for a few public datasets and is the
same whether one firm is asked about or all.
"""

from datetime import date

from features.definitions.expressions import share_ppm
from features.definitions.public_list import is_open
from features.registry import Grain

_DATASETS = frozenset({"reg_basic", "reg_shareholder"})
#: A holder counts from this share on [parts per million].
_LARGE_PPM = 250_000


def _ties(as_of_date: date) -> str:
    """Every firm's ties; a person and an enterprise never share one."""
    large = f"({share_ppm('share_ratio')}) >= {_LARGE_PPM}"
    held = f"FROM everyone_reg_shareholder WHERE {is_open('from_date', 'to_date', as_of_date)} AND {large}"
    return (
        "SELECT DISTINCT enterprise_key, tie FROM ("
        "SELECT enterprise_key, concat('person ', legal_rep_id_no_token) AS tie "
        "FROM everyone_reg_basic WHERE legal_rep_id_no_token IS NOT NULL "
        f"UNION ALL SELECT enterprise_key, concat('person ', holder_id_no_token) AS tie {held} "
        "AND holder_id_no_token IS NOT NULL "
        f"UNION ALL SELECT enterprise_key, concat('enterprise ', holder_uscc) AS tie {held} "
        "AND holder_uscc IS NOT NULL) AS tied"
    )


TIE = Grain("tie", _DATASETS, _ties)


def _related(as_of_date: date) -> str:
    """Other firms on the dishonest list now, one tie away."""
    dishonest = (
        "SELECT enterprise_key FROM everyone_dishonest_debtor "
        f"WHERE {is_open('published_on', 'removed_on', as_of_date)}"
    )
    return (
        "SELECT own.enterprise_key, other.enterprise_key AS related_key FROM tie AS own "
        f"JOIN (SELECT enterprise_key, tie FROM tie WHERE enterprise_key IN ({dishonest})) AS other "
        "ON own.tie = other.tie AND own.enterprise_key <> other.enterprise_key "
        "WHERE own.enterprise_key IN (SELECT enterprise_key FROM enterprise)"
    )


RELATED = Grain("related_dishonest", _DATASETS | {"dishonest_debtor"}, _related, parents=(TIE,))
