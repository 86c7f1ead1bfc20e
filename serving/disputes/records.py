"""The record a firm objects to: which one, whether the firm has it, and whether it was changed since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from features.contracts import Catalogue, Dataset, Sensitivity, lake_column
from features.documents import suggestion
from features.engine import connect, identifier
from features.errors import UnknownEnterpriseError
from features.lake import LakeView
from features.scope import DataScope, Purpose
from features.snapshot import REPAIRS, open_snapshot
from serving.access.decision import not_found
from serving.errors import MalformedError


@dataclass(frozen=True)
class Record:
    """A record of a firm in whatever version: its dataset and the rest of its key.

    Attributes
    ----------
    key : mapping of str to str
        Key columns of the contract without the firm's code, as a file writes the values.
    """

    dataset: str
    key: Mapping[str, str]

    @property
    def text(self) -> str:
        """The key in one spelling, so that a record is found by it."""
        return json.dumps(dict(self.key), ensure_ascii=False, sort_keys=True)


def record_of(dataset: str, text: str) -> Record:
    """A record from its stored spelling."""
    return Record(dataset, json.loads(text) if text else {})


def named_record(catalogue: Catalogue, dataset: str, key: Mapping[str, str]) -> Record:
    """Check that this names one record of a dataset about which a firm may object.

    Raises
    ------
    MalformedError
        If there is no such dataset, or the key has other columns than the contract's.
    """
    document = catalogue.datasets.get(dataset)
    if document is None or document.document.sensitivity is Sensitivity.INTERNAL:
        hint = suggestion(dataset, list(catalogue.datasets))
        raise MalformedError(
            en=f"There is no dataset of that name.{hint} Take it from the record.",
            zh="没有该名称的数据集，请使用记录所属数据集的名称。",
            details={"field": "dataset"},
        )
    columns = [name for name in document.document.primary_key if name != "uscc"]
    required = [name for name in columns if document.columns[name].required]
    if set(key) - set(columns) or set(required) - set(key):
        raise MalformedError(
            en=f"A record of '{dataset}' is named by {', '.join(columns) or 'nothing more'}.",
            zh=f"“{dataset}”的记录以下列字段指明：{'、'.join(columns) or '无'}。",
            details={"field": "record", "columns": columns},
        )
    return Record(dataset, dict(key))


def repairable_record(catalogue: Catalogue, dataset: str, record_no: str) -> Record:
    """The record that a notice of repair would name.

    Raises
    ------
    MalformedError
        If records of this dataset cannot be repaired.
    """
    known = sorted(catalogue[REPAIRS].columns["dataset"].values)
    if dataset not in known:
        raise MalformedError(
            en=f"Records that can be repaired are in {', '.join(known)}.",
            zh=f"可以申请信用修复的数据集：{'、'.join(known)}。",
            details={"field": "dataset"},
        )
    return Record(dataset, {_number_column(catalogue[dataset]): record_no})


def require_held(
    lake: LakeView, catalogue: Catalogue, uscc: str, record: Record, now: datetime
) -> None:
    """Make sure that a look of the firm's own shows the record now.

    Raises
    ------
    NotFoundError
        If not: it is another firm's, it was repaired, or its publicity has ended.
    """
    try:
        firm = lake.find_enterprise(uscc).key
    except UnknownEnterpriseError:
        raise not_found() from None
    dataset, today = catalogue[record.dataset], now.date()
    scope = DataScope(frozenset({dataset.name}), Purpose.SELF_REPORT, today)
    conditions, values = _conditions(dataset, record.key)
    with open_snapshot(
        lake,
        catalogue,
        today,
        scope,
        now=now,
        enterprises=[firm],
        threads=1,
        datasets=[dataset.name],
    ) as snapshot:
        query = f"SELECT row_id FROM visible_{dataset.name} WHERE {conditions} LIMIT 1"
        if not snapshot.connection.execute(query, values).fetchall():
            raise not_found()


def is_changed_since(
    lake: LakeView, catalogue: Catalogue, uscc: str, record: Record, since: datetime
) -> bool:
    """Whether a new version of the record, or a notice of its repair, came after a moment.

    A record that is held no more is changed, too.
    """
    dataset = catalogue[record.dataset]
    versions = _versions(lake, dataset, uscc, record.key)
    notices: list[int] = []
    if dataset.document.negative and REPAIRS in catalogue.datasets:
        number = record.key.get(_number_column(dataset), "")
        named = {"dataset": record.dataset, "record_no": number}
        notices = _versions(lake, catalogue[REPAIRS], uscc, named)
    moment = since.isoformat(timespec="seconds")
    came = [lake.batch_of(row)[0].collected_at for row in (*versions, *notices)]
    return not versions or any(at > moment for at in came)


def _number_column(dataset: Dataset) -> str:
    return next(name for name in dataset.document.primary_key if name != "uscc")


def _conditions(dataset: Dataset, key: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The predicate that finds a record by its key, and the values to bind."""
    conditions: list[str] = []
    values: dict[str, str] = {}
    for place, (name, value) in enumerate(key.items()):
        stored = identifier(next(iter(lake_column(name, dataset.columns[name]))))
        conditions.append(f"CAST({stored} AS VARCHAR) = $v{place}")
        values[f"v{place}"] = value
    return " AND ".join(conditions) or "true", values


def _versions(lake: LakeView, dataset: Dataset, uscc: str, key: Mapping[str, str]) -> list[int]:
    """Row ids of every version of a record that is held, superseded ones too."""
    firm = lake.find_enterprise(uscc).key
    conditions, values = _conditions(dataset, key)
    query = (
        f"SELECT row_id FROM {lake.rows(dataset)} WHERE enterprise_key = {firm:d} AND {conditions}"
    )
    with connect(threads=1) as connection:
        return [int(row) for (row,) in connection.execute(query, values).fetchall()]
