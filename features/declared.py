"""Self-declared data 自主申报: what a firm says with its promise, held against what is held about it.

A declaration without a promise is not taken. One that the held data contradict stays in the lake with
its verdict and is used nowhere; one that nothing speaks for or against is `unchecked`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from features.contracts import Catalogue
from features.declared_rules import DeclaredRules, Held, Item, load_rules
from features.documents import suggestion
from features.engine import identifier, literal
from features.errors import RequestError
from features.lake import Lake
from features.mapping import identity_mapping
from features.pull.spool import Row, land_rows
from features.registry import Grain
from features.scope import DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot
from features.vault import Vault

DECLARED, CHECKS = "self_declared", "declaration_check"


@dataclass(frozen=True)
class Declaration:
    """One value a firm declares, with its promise.

    Parameters
    ----------
    value : str
        As typed; a number where the item asks for one.
    promise_signed_on : date or None
        Without it the declaration is refused.
    promise_version : str
        Which text of the promise was signed.
    """

    uscc: str
    item: str
    value: str
    promise_signed_on: date | None
    promise_version: str


def declare(
    declarations: Sequence[Declaration],
    lake: Lake,
    vault: Vault,
    catalogue: Catalogue,
    *,
    now: datetime,
    token: Callable[[], str],
) -> list[str]:
    """Land declarations with one commit; returns their record ids.

    Raises
    ------
    RequestError
        If one has no promise, an unknown item, or a value that is not of the item's kind.
    UnknownEnterpriseError
        If the firm is not in the lake.
    """
    view = lake.view()
    rows: list[Row] = []
    for said in declarations:
        row = _row(said, token(), now.date())
        view.find_enterprise(said.uscc)
        rows.append(row)
    if rows:
        mapping = identity_mapping(catalogue[DECLARED])
        land_rows(rows, mapping, lake, vault, now=now, name="declared", max_rejected_share=0)
    return [str(row["record_id"]) for row in rows]


def cross_check(
    lake: Lake,
    vault: Vault,
    catalogue: Catalogue,
    scope: DataScope,
    *,
    as_of_date: date,
    now: datetime,
    rules: DeclaredRules | None = None,
) -> Mapping[str, int]:
    """Hold every declaration against the held data and land the verdicts that are new.

    Parameters
    ----------
    scope : DataScope
        Of kind `self`; a dataset it does not open is not compared with.

    Returns
    -------
    dict of str to int
        Declarations by verdict.

    Raises
    ------
    ScopeError
        If the scope has ended.
    RequestError
        If it is an institution's.
    """
    if scope.grantee is not None:
        raise RequestError(
            en="Declarations are compared under the firm's own scope, not an institution's.",
            zh="自主申报只能在企业自身的数据范围内核对，不能使用机构的授权范围。",
        )
    opened = DataScope(scope.datasets | {DECLARED, CHECKS}, scope.purpose, scope.until)
    with open_snapshot(lake.view(), catalogue, as_of_date, opened, now=now) as snapshot:
        found = _verdicts(snapshot, rules or load_rules())
    rows: list[Row] = [
        {
            "uscc": uscc,
            "record_id": record_id,
            "verdict": verdict,
            "against": against,
            "checked_at": now.isoformat(sep=" ", timespec="seconds"),
        }
        for uscc, record_id, verdict, against, is_new in found
        if is_new
    ]
    if rows:
        mapping = identity_mapping(catalogue[CHECKS])
        land_rows(rows, mapping, lake, vault, now=now, name="checks", max_rejected_share=0)
    verdicts = [verdict for _, _, verdict, _, _ in found]
    return {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}


def usable_declarations(_: date) -> str:
    """SQL of the declarations a feature may read: every one that nothing held contradicts.

    `verdict` is `consistent` or `unchecked`; a feature gives the second less weight.
    """
    return (
        "SELECT d.enterprise_key, d.record_id, d.topic, d.item, d.value_number, d.value_text, "
        "d.promise_signed_on, coalesce(c.verdict, 'unchecked') AS verdict "
        f"FROM visible_{DECLARED} d LEFT JOIN visible_{CHECKS} c "
        "ON c.enterprise_key = d.enterprise_key AND c.record_id = d.record_id "
        "WHERE c.verdict IS NULL OR c.verdict <> 'conflict'"
    )


#: For features. It reads both datasets, so a scope that hides the checks hides the declarations too.
USABLE = Grain(
    "usable_declaration",
    frozenset({DECLARED, CHECKS}),
    usable_declarations,
    event_date="promise_signed_on",
)


def self_scope(catalogue: Catalogue, until: date) -> DataScope:
    """All that is held about a firm, for the firm itself."""
    names = frozenset(dataset.name for dataset in catalogue)
    return DataScope(names, Purpose.SELF_REPORT, until)


def _row(said: Declaration, record_id: str, today: date) -> Row:
    item = _known_item(said.item)
    if said.promise_signed_on is None or not said.promise_version.strip():
        raise RequestError(
            en=f"The declaration of '{said.item}' has no promise. Have the firm sign one; say the day and "
            "the version.",
            zh=f"申报项“{said.item}”没有信用承诺；请企业签署承诺书，并写明日期与版本。",
        )
    if said.promise_signed_on > today:
        raise RequestError(
            en=f"The promise is dated {said.promise_signed_on}, after today ({today}).",
            zh=f"承诺签署日期 {said.promise_signed_on} 晚于今天（{today}）。",
        )
    text = said.value.strip()
    if not text or (item.kind == "number" and not _is_number(text)):
        # The value may be anything, so it is not shown.
        needed, needed_zh = ("a number", "数值") if item.kind == "number" else ("a text", "文本")
        raise RequestError(
            en=f"'{said.item}' ({item.unit}) needs {needed}; what was given is none.",
            zh=f"申报项“{said.item}”（{item.unit}）须为{needed_zh}。",
        )
    return {
        "uscc": said.uscc,
        "record_id": record_id,
        "topic": item.topic,
        "item": said.item,
        "value_number": text if item.kind == "number" else None,
        "value_text": text if item.kind == "text" else None,
        "promise_signed_on": said.promise_signed_on.isoformat(),
        "promise_version": said.promise_version,
    }


def _known_item(name: str) -> Item:
    items = load_rules().items
    if name not in items:
        raise RequestError(
            en=f"There is no item '{name}' to declare.{suggestion(name, list(items))} "
            f"Known: {', '.join(items)}.",
            zh=f"没有申报项“{name}”。可用：{'、'.join(items)}。",
        )
    return items[name]


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


def _verdicts(
    snapshot: Snapshot, rules: DeclaredRules
) -> list[tuple[str, str, str, str | None, bool]]:
    """(uscc, record id, verdict, dataset compared with, whether the lake says otherwise) of all."""
    parts = [
        part
        for name, item in rules.items.items()
        for place, held in enumerate(item.against)
        if held.dataset in snapshot.catalogue.datasets
        for part in [_comparison(snapshot, name, item, held, place)]
    ]
    nothing = "SELECT NULL::VARCHAR AS record_id, NULL::INTEGER AS enterprise_key, 0 AS place, NULL::VARCHAR AS against, NULL::BOOLEAN AS fits WHERE false"
    found = snapshot.connection.execute(
        f"WITH compared AS ({' UNION ALL '.join([nothing, *parts])}), "
        # The first source that holds a figure decides.
        "first AS (SELECT enterprise_key, record_id, arg_min(fits, place) AS fits, "
        "arg_min(against, place) AS against FROM compared WHERE fits IS NOT NULL GROUP BY ALL), "
        "judged AS (SELECT e.uscc, d.enterprise_key, d.record_id, f.against, CASE WHEN f.fits IS NULL "
        "THEN 'unchecked' WHEN f.fits THEN 'consistent' ELSE 'conflict' END AS verdict "
        f"FROM visible_{DECLARED} d JOIN enterprise e USING (enterprise_key) "
        "LEFT JOIN first f USING (enterprise_key, record_id)) "
        "SELECT j.uscc, j.record_id, j.verdict, j.against, "
        "c.verdict IS DISTINCT FROM j.verdict OR c.against IS DISTINCT FROM j.against "
        f"FROM judged j LEFT JOIN visible_{CHECKS} c USING (enterprise_key, record_id) "
        "ORDER BY j.uscc, j.record_id"
    ).fetchall()
    return [(str(u), str(r), str(v), a, bool(n)) for u, r, v, a, n in found]


def _comparison(snapshot: Snapshot, name: str, item: Item, held: Held, place: int) -> str:
    """Every declaration of the item beside the figure one dataset holds for its firm."""
    conditions = [f"({held.where})", "h.enterprise_key = d.enterprise_key"]
    if held.year:
        event = snapshot.catalogue[held.dataset].document.event_date or ""
        column = snapshot.catalogue[held.dataset].columns[event]
        year = f"h.{identifier(event)} // 100" if column.type == "month" else f"year(h.{event})"
        conditions.append(f"{year} = year(d.promise_signed_on) - 1")
    figure = f"(SELECT {held.value} FROM visible_{held.dataset} h WHERE {' AND '.join(conditions)})"
    if item.kind == "text":
        # Nothing on the list says nothing; a list that has others but not this one contradicts.
        fits = f"CASE WHEN len({figure}) > 0 THEN list_contains({figure}, value_text) END"
    else:
        value = f"({figure} / {held.divide}.0)"
        allowed = f"greatest(abs({value}) * {held.tolerance}, {held.slack})"
        fits = f"abs(value_number - {value}) <= {allowed}"
    return (
        f"SELECT record_id, enterprise_key, {place} AS place, {literal(held.dataset)} AS against, "
        f"{fits} AS fits FROM visible_{DECLARED} d WHERE item = {literal(name)}"
    )
