"""A rating under random consents: nothing of what is closed reaches it, and it is the snapshot's own."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from features.contracts import Sensitivity, load_catalogue
from features.online import write_online
from features.pipeline import FeatureTable, build_features
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from serving.ratings.sight import Opened
from tests.builders import FAR, LONG_AGO, TinyLake, consent, seeded
from tests.rated_town import AS_OF, NOW, land_town, model_features

CATALOGUE = load_catalogue()
SCOPES = sorted({d.document.consent_scope for d in CATALOGUE if d.document.consent_scope})
FIRMS = range(1, 26)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    return land_town(tmp_path_factory.mktemp("scopes"), seed=7)


def table_under(lake: TinyLake, scope: DataScope) -> FeatureTable:
    with open_snapshot(lake.view, CATALOGUE, AS_OF, scope, now=NOW) as snapshot:
        return build_features(snapshot, model_features())


@pytest.mark.parametrize("seed", range(3))
def test_masked_vectors_are_those_of_a_snapshot_under_the_same_consents(
    seed: int, lake: TinyLake, tmp_path: Path
) -> None:
    rng = seeded(seed)
    opened = {key: frozenset(rng.sample(SCOPES, rng.randrange(len(SCOPES)))) for key in FIRMS}
    bank = f"bank-{seed}"
    lake.land(
        "consent_event",
        [
            consent(
                key,
                "granted",
                LONG_AGO,
                event_id=f"{bank}-{key}",
                consent_id=f"{bank}-{key}",
                scopes=sorted(scopes),
                grantee=bank,
                purpose=Purpose.APPLY,
                valid_from=LONG_AGO.date(),
                valid_to=FAR,
                available_at=datetime(2020, 1, 1),
            )
            for key, scopes in opened.items()
        ],
    )
    every = frozenset(CATALOGUE.datasets)
    whole = table_under(lake, DataScope(every, Purpose.SELF_REPORT, FAR))
    scoped = table_under(lake, DataScope(every, Purpose.APPLY, FAR, grantee=bank))
    online = write_online(whole, tmp_path / "online", lake_version=lake.view.version, now=NOW)
    seen = scoped.matrix()
    for row, uscc in enumerate(scoped.usccs):
        scopes = opened[int(uscc[-8:])]
        closed = Opened("grantee", scopes).withheld(CATALOGUE)
        assert np.array_equal(online.vector(uscc, closed), seen[row], equal_nan=True), scopes
    internal = {d.name for d in CATALOGUE if d.document.sensitivity is Sensitivity.INTERNAL}
    assert internal
    assert internal <= Opened("grantee", frozenset(SCOPES)).withheld(CATALOGUE)
    assert np.isnan(seen).sum() > np.isnan(whole.matrix()).sum(), (
        "nothing was closed: the law was not tested"
    )
