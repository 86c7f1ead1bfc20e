"""The only as-of cut: what was known by a moment, is still publishable, and consented to.

`open_snapshot` is the single place that decides visibility, for training, batch and one firm alike.
It gives a DuckDB connection in which every catalogue dataset is a view `visible_<dataset>`, the
registered enterprises are the table `enterprise`, and `visibility` says dataset by dataset whether
the scope opens it for a firm, so that "no record" and "not allowed to look" stay apart. Of the
datasets in `NEIGHBOURHOOD` there is also `everyone_<dataset>`: every firm's rows even where few are asked about, for facts
about a firm that lie in its neighbours.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import TracebackType
from typing import Literal, Self

import duckdb

from features.clock import end_of
from features.contracts import REGISTER, Catalogue, Dataset
from features.engine import connect, identifier, literal, parquet
from features.lake import RETIRED_COLUMNS, LakeView
from features.scope import DataScope, Purpose
from features.withheld import is_closed, is_decided_by_consent

CONSENTS = "consent_event"
#: Public datasets that features read beyond the firm asked about. A view costs a millisecond of every
#: look, so these are only the ones that some grain follows.
NEIGHBOURHOOD = frozenset({"reg_basic", "reg_shareholder", "dishonest_debtor", "credit_area"})
#: Notices by which a negative record is repaired; a catalogue need not have them.
REPAIRS = "credit_repair"
#: A few firms are listed in every view, so that files without them are not opened. Of many the list is a table: a
#: list that is read anew for every view costs more than the work it saves.
_MOST_LISTED = 100
_NONE: frozenset[str] = frozenset()
#: The latest event of a consent first; of events at one instant the most restrictive.
_LATEST_FIRST = (
    "PARTITION BY enterprise_key, consent_id ORDER BY occurred_at DESC, "
    "CASE event WHEN 'granted' THEN 2 WHEN 'narrowed' THEN 1 ELSE 0 END, event_id DESC"
)


@dataclass(frozen=True)
class Statement:
    """One relation of a cut: a `TABLE` is small and read often, a `VIEW` is read as it is asked for."""

    name: str
    kind: Literal["TABLE", "VIEW"]
    sql: str


@dataclass(frozen=True)
class Snapshot:
    """An open cut through the lake; close it, or use it as a context manager.

    Attributes
    ----------
    connection : duckdb connection
        With the views described above.
    as_of_date : date
        A date D means D 24:00, Asia/Shanghai.
    scope : DataScope
    catalogue : Catalogue
    lake : LakeView
    without : frozenset of str
        Datasets of which the lake has no row of the one firm that is looked at; empty for more than one.
    """

    connection: duckdb.DuckDBPyConnection
    as_of_date: date
    scope: DataScope
    catalogue: Catalogue
    lake: LakeView
    without: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        """Nothing to do; the snapshot is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection; files that were removed during the look get their own sentence."""
        self.connection.close()
        if isinstance(error, duckdb.Error):
            self.lake.require_files()


def open_snapshot(
    lake: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    scope: DataScope,
    *,
    now: datetime,
    made_at: datetime | None = None,
    enterprises: Sequence[int] | None = None,
    threads: int | None = None,
    memory_limit: str | None = None,
    datasets: Collection[str] | None = None,
) -> Snapshot:
    """Cut the lake at a moment and a consent.

    Parameters
    ----------
    now : datetime
        Asia/Shanghai wall time. Records repaired by now are gone from every as-of, except for
        purpose `replay`.
    made_at : datetime, optional
        The moment of the look that is replayed: records repaired by then are gone, as they were. Only
        for purpose `replay`, which without it goes by the end of `as_of_date`.
    enterprises : sequence of int, optional
        Surrogate keys to look at, a `range` from its first to its last; all registered enterprises when omitted.
    threads, memory_limit
        See `features.engine.connect`.
    datasets : collection of str, optional
        Of which there are views; all when omitted. One firm's look need not open every file.

    Raises
    ------
    ScopeError
        If the scope has ended by now, or before `as_of_date`.
    """
    scope.require_live(as_of_date, today=now.date())
    connection = connect(threads=threads, memory_limit=memory_limit)
    try:
        named = frozenset(catalogue.datasets if datasets is None else datasets)
        one = enterprises[0] if enterprises is not None and len(enterprises) == 1 else None
        without = _NONE if one is None else _without(connection, lake, one, named)
        for statement in snapshot_sql(
            lake,
            catalogue,
            as_of_date,
            scope,
            now=now,
            made_at=made_at,
            enterprises=enterprises,
            datasets=datasets,
            without=without,
        ):
            connection.execute(f"CREATE {statement.kind} {statement.name} AS {statement.sql}")
    except BaseException as failed:
        connection.close()
        if isinstance(failed, duckdb.Error):
            lake.require_files()
        raise
    return Snapshot(connection, as_of_date, scope, catalogue, lake, without)


def snapshot_sql(
    lake: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    scope: DataScope,
    *,
    now: datetime,
    made_at: datetime | None = None,
    enterprises: Sequence[int] | None = None,
    datasets: Collection[str] | None = None,
    without: Collection[str] = (),
) -> list[Statement]:
    """The cut as named statements, each reading files of the lake and the statements before it.

    Whatever engine runs them decides visibility in the same words. Parameters are those of
    `open_snapshot`.

    Parameters
    ----------
    without : collection of str, optional
        Datasets in which the lake has no row of these enterprises, seen or unseen: what they see of them is nothing.

    Raises
    ------
    ScopeError
        If the scope has ended by now, or before `as_of_date`.
    """
    scope.require_live(as_of_date, today=now.date())
    if made_at is not None and scope.purpose is Purpose.REPLAY:
        # What was gone at the time of the look is gone in its replay: its own rule, at its own moment.
        scope, now = replace(scope, purpose=Purpose.SELF_REPORT), made_at
    chosen, asked = _chosen(enterprises)
    own = _among(lake, enterprises)
    repairs = catalogue.datasets.get(REPAIRS)
    return [
        *asked,
        Statement("enterprise", "TABLE", _register(own, catalogue, as_of_date, scope, now, chosen)),
        Statement(
            "live_consent", "TABLE", _consents(own, catalogue, as_of_date, scope, now, chosen)
        ),
        Statement("visibility", "TABLE", _visibility(catalogue, scope)),
        *(
            Statement(
                f"{whose}_{dataset.name}",
                "VIEW",
                _visible_rows(whole, dataset, as_of_date, scope, now, firms, repairs)
                if whose == "everyone" or dataset.name not in without
                else f"SELECT * FROM {parquet([], dataset.lake_columns())}",
            )
            for dataset in catalogue
            if datasets is None or dataset.name in datasets
            for whose, whole, firms in (("visible", own, chosen), ("everyone", lake, "true"))
            if whose == "visible" or dataset.name in NEIGHBOURHOOD
        ),
    ]


def _without(
    connection: duckdb.DuckDBPyConnection, lake: LakeView, key: int, datasets: frozenset[str]
) -> frozenset[str]:
    """Datasets that have nothing of one firm; most have not, and their files need not be planned for.

    Only the key is read, of every version.
    """
    files = {name: lake.files(name) for name in sorted(datasets)}
    asked = [
        f"(SELECT {literal(name)} FROM {parquet(paths, {})} WHERE enterprise_key = {int(key)} LIMIT 1)"
        for name, paths in files.items()
        if paths
    ]
    rows = connection.execute(" UNION ALL ".join(asked)).fetchall() if asked else []
    return datasets - {str(name) for (name,) in rows}


def _among(lake: LakeView, enterprises: Sequence[int] | None) -> LakeView:
    """The lake with the files of many firms; for a few it is not worth asking every file whose it is."""
    if enterprises is None or len(enterprises) <= _MOST_LISTED:
        return lake
    return lake.among(range(int(min(enterprises)), int(max(enterprises)) + 1))


def _chosen(enterprises: Sequence[int] | None) -> tuple[str, list[Statement]]:
    """Predicate of the firms looked at, and what it stands on.

    Files are sorted by firm, so the range of keys alone leaves most of them unread.
    """
    if enterprises is None:
        return "true", []
    if isinstance(enterprises, range) and enterprises:
        return f"enterprise_key BETWEEN {enterprises[0]} AND {enterprises[-1]}", []
    keys = [str(int(key)) for key in enterprises]
    if len(keys) <= _MOST_LISTED:
        return f"enterprise_key IN ({', '.join(keys) or 'NULL'})", []
    values = f"SELECT * FROM (VALUES ({'), ('.join(keys)})) AS asked(enterprise_key)"
    return (
        f"enterprise_key BETWEEN {min(map(int, keys))} AND {max(map(int, keys))} "
        "AND enterprise_key IN (SELECT enterprise_key FROM chosen)",
        [Statement("chosen", "TABLE", values)],
    )


def consents_at(lake: LakeView, catalogue: Catalogue, day: date) -> str:
    """Query of (enterprise_key, consent_id, ended_on): the last day of every consent, known by a day.

    A consent that was revoked or expired ends on the day of that event, any other after `valid_to`.
    """
    consents = catalogue[CONSENTS]
    moment = end_of(day)
    return (
        "SELECT enterprise_key, consent_id, CASE WHEN event IN ('revoked', 'expired') "
        "THEN least(CAST(occurred_at AS DATE), valid_to) ELSE valid_to END AS ended_on FROM ("
        f"SELECT *, row_number() OVER ({_LATEST_FIRST}) AS place FROM {lake.rows(consents)} "
        f"WHERE {_current_at(moment, consents, lake)} AND occurred_at <= {_instant(moment)}) "
        "WHERE place = 1"
    )


def grants_at(
    lake: LakeView, catalogue: Catalogue, day: date, purpose: Purpose, *, holding: str
) -> str:
    """Query of (enterprise_key, grantee, scopes, since): what live consents of a purpose open to whom on a day.

    Only consents that hold the scope `holding` count; those of one firm to one institution open together,
    their scopes in order, since the first day of any of them.
    """
    consents, moment, on = catalogue[CONSENTS], end_of(day), f"DATE '{day}'"
    return (
        "SELECT enterprise_key, grantee, list_sort(list_distinct(flatten(list(scopes)))) AS scopes, "
        "min(valid_from) AS since FROM ("
        f"SELECT *, row_number() OVER ({_LATEST_FIRST}) AS place FROM {lake.rows(consents)} "
        f"WHERE {_current_at(moment, consents, lake)} AND occurred_at <= {_instant(moment)}) "
        f"WHERE place = 1 AND purpose = {literal(purpose)} AND event IN ('granted', 'narrowed') "
        f"AND valid_from <= {on} AND valid_to >= {on} AND list_contains(scopes, {literal(holding)}) "
        "GROUP BY enterprise_key, grantee"
    )


def consent_events_by(lake: LakeView, catalogue: Catalogue, moment: datetime) -> str:
    """Query of every consent event that had happened and was known by a moment, under `uscc`."""
    known = rows_known_by(lake, catalogue[CONSENTS], moment)
    return f"SELECT * FROM ({known}) WHERE occurred_at <= {_instant(moment)}"


def rows_known_by(lake: LakeView, dataset: Dataset, moment: datetime) -> str:
    """Query of a dataset's rows that were known and had not been superseded by a moment, under `uscc`.

    Consent is not asked: this is for what the ledger itself keeps of what came to the lake first.
    """
    return (
        f"SELECT party_id AS uscc, e.* FROM {lake.rows(dataset)} AS e JOIN {lake.parties_sql()} "
        f"ON party_key = e.enterprise_key WHERE {_current_at(moment, dataset, lake, 'e')}"
    )


def known_by(
    dataset: Dataset,
    lake: LakeView,
    as_of_date: date,
    scope: DataScope,
    now: datetime,
    repairs: Dataset | None = None,
) -> str:
    """The visibility predicate without consent: known by `as_of`, not superseded, publishable.

    A row is visible iff it was available, no later row has taken its place, its publicity has not
    ended, and it is not repaired by now (for `replay`: not by `as_of`).
    """
    moment = end_of(as_of_date)
    conditions = [_current_at(moment, dataset, lake)]
    if dataset.document.negative:
        repaired_by = moment if scope.purpose is Purpose.REPLAY else max(now, moment)
        conditions.append(f"row_id NOT IN ({_repaired(repaired_by, dataset, lake)})")
        if repairs is not None and lake.files(repairs.name):
            noticed = _noticed(repaired_by, dataset, lake, repairs)
            conditions.append(f"row_id NOT IN ({noticed})")
        conditions.append(f"(publicity_end IS NULL OR publicity_end > DATE '{as_of_date}')")
    return " AND ".join(conditions)


def _current_at(moment: datetime, dataset: Dataset, lake: LakeView, table: str = "") -> str:
    """Predicate: known by the moment, and no later row had taken its place."""
    column = f"{table}." if table else ""
    known = f"{column}available_at <= {_instant(moment)}"
    if not lake.retired_files(dataset.name):
        return known
    retired = parquet(lake.retired_files(dataset.name), RETIRED_COLUMNS)
    ended = f"SELECT row_id FROM {retired} WHERE valid_to <= {_instant(moment)}"
    return f"{known} AND {column}row_id NOT IN ({ended})"


def _repaired(moment: datetime, dataset: Dataset, lake: LakeView) -> str:
    """Row ids of every version of the records that are repaired by the moment.

    A repair arrives as a new version of the record; the versions before it do not know of it and
    must go with it.
    """
    rows = lake.rows(dataset)
    same = " AND ".join(
        f"version.{name} IS NOT DISTINCT FROM repair.{name}"
        for name in map(identifier, dataset.lake_key())
    )
    return (
        f"SELECT version.row_id FROM {rows} AS version JOIN {rows} AS repair ON {same} "
        f"WHERE repair.repaired_at <= {_instant(moment)} "
        f"AND {_current_at(moment, dataset, lake, 'repair')}"
    )


def _noticed(moment: datetime, dataset: Dataset, lake: LakeView, repairs: Dataset) -> str:
    """Row ids of every version of the records that a notice of repair, known by the moment, names.

    A notice names a record by the dataset and the first column of its key that is not the enterprise.
    """
    own_key = next((name for name in dataset.lake_key() if name != "enterprise_key"), "row_id")
    record_no = f"CAST(version.{identifier(own_key)} AS VARCHAR)"
    return (
        f"SELECT version.row_id FROM {lake.rows(dataset)} AS version "
        f"JOIN {lake.rows(repairs)} AS repair ON version.enterprise_key = repair.enterprise_key "
        f"AND {record_no} = repair.record_no WHERE repair.dataset = {literal(dataset.name)} "
        f"AND repair.repaired_at <= {_instant(moment)} "
        f"AND {_current_at(moment, repairs, lake, 'repair')}"
    )


def _visible_rows(
    lake: LakeView,
    dataset: Dataset,
    as_of_date: date,
    scope: DataScope,
    now: datetime,
    chosen: str,
    repairs: Dataset | None,
) -> str:
    rows = lake.rows(dataset)
    predicate = known_by(dataset, lake, as_of_date, scope, now, repairs)
    if is_closed(dataset, scope):
        predicate = "false"
    elif is_decided_by_consent(dataset, scope):
        predicate += f" AND enterprise_key IN (SELECT enterprise_key FROM visibility WHERE {identifier(dataset.name)})"
    return f"SELECT * FROM {rows} WHERE {chosen} AND {predicate}"


def _register(
    lake: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    scope: DataScope,
    now: datetime,
    chosen: str,
) -> str:
    """Table `enterprise`: who is on the public register by then, whatever the scope."""
    register = catalogue[REGISTER]
    rows = lake.rows(register)
    return (
        "SELECT enterprise_key, party_id AS uscc, origin FROM ("
        f"SELECT DISTINCT enterprise_key FROM {rows} WHERE {chosen} "
        f"AND {known_by(register, lake, as_of_date, scope, now)}) "
        f"JOIN {lake.parties_sql()} ON party_key = enterprise_key ORDER BY enterprise_key"
    )


def _consents(
    lake: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    scope: DataScope,
    now: datetime,
    chosen: str,
) -> str:
    """Table `live_consent`: (enterprise_key, consent_id, consent_scope) this grantee holds for this purpose.

    Consent itself is not credit data: it is read whatever the scope, by what had happened and was
    known by `as_of`, never by what came after. A consent's state is its latest event, whose purpose
    counts. Of events at one instant the most restrictive holds, so that no order of rows can open
    what a revocation closed.
    """
    consents = catalogue[CONSENTS]
    rows = lake.rows(consents)
    day = f"DATE '{as_of_date}'"
    return (
        "SELECT DISTINCT enterprise_key, consent_id, unnest(scopes) AS consent_scope FROM ("
        f"SELECT *, row_number() OVER ({_LATEST_FIRST}) AS place FROM {rows} "
        f"WHERE {chosen} AND {known_by(consents, lake, as_of_date, scope, now)} "
        f"AND occurred_at <= {_instant(end_of(as_of_date))} AND grantee = {literal(scope.grantee or '')}) "
        f"WHERE place = 1 AND purpose = {literal(scope.purpose)} AND event IN ('granted', 'narrowed') "
        f"AND valid_from <= {day} AND valid_to >= {day}"
    )


def _visibility(catalogue: Catalogue, scope: DataScope) -> str:
    """Table `visibility`: per enterprise one boolean a dataset; the mask of the law of consent."""
    flags: list[str] = []
    consented: list[str] = []
    for dataset in catalogue:
        name = identifier(dataset.name)
        if is_closed(dataset, scope):
            flags.append(f"false AS {name}")
        elif is_decided_by_consent(dataset, scope):
            wanted = literal(dataset.document.consent_scope or "")
            consented.append(f"max(CASE WHEN consent_scope = {wanted} THEN 1 ELSE 0 END) AS {name}")
            flags.append(f"coalesce(c.{name}, 0) = 1 AS {name}")
        else:
            flags.append(f"true AS {name}")
    listed = ", ".join(["enterprise_key", *consented])
    return (
        f"SELECT e.enterprise_key, {', '.join(flags)} FROM enterprise AS e LEFT JOIN "
        f"(SELECT {listed} FROM live_consent GROUP BY enterprise_key) AS c "
        "ON c.enterprise_key = e.enterprise_key"
    )


def _instant(moment: datetime) -> str:
    return f"TIMESTAMP '{moment.isoformat(sep=' ', timespec='microseconds')}'"
