"""Whose row it is: by its code, or where the mapping allows it by the enterprise's name.

Every distinct pair of delivered code and name is decided once. A name finds an enterprise if exactly
one code goes by it, in the register (today's names, former names, and names that a later delivery
replaced) or in the file itself. Because all candidates count alike, more register rows can make a
link ambiguous or possible, and never move it to another firm.
"""

import unicodedata

from features.column_sql import text_of
from features.contracts import REGISTER
from features.engine import identifier, literal, readable
from features.identifiers import synthetic_uscc, uscc_is_valid
from features.run import Run
from features.sources import Source

_BRACKETS = str.maketrans("〔〕【】[]", "()()()")
_FORMER_NAMES = "former_names"
_NAME = identifier("enterprise named")


def normalise_name(name: str) -> str:
    """An enterprise's name without what writers differ in: width, brackets, spaces, case.

    Examples
    --------
    >>> normalise_name("信桥（北京） 科技 有限公司")
    '信桥(北京)科技有限公司'
    >>> normalise_name("ＳＭＣ(中国)") == normalise_name("smc（中国）")
    True
    """
    return "".join(unicodedata.normalize("NFKC", name).translate(_BRACKETS).upper().split())


def _open_register(run: Run) -> None:
    """Table `register_name`: every name the register has or had for a code, as it stands before the run."""
    if run.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'register_name'"):
        return
    files = run.writer.view.files(REGISTER)
    found: list[tuple[str, str]] = []
    if files:
        listed = ", ".join(readable(path) for path in files)
        # A file from before a column came into the contract lacks it.
        rows = f"read_parquet([{listed}], union_by_name = true)"
        parties = "JOIN party p ON p.party_key = r.enterprise_key"
        query = f"SELECT DISTINCT p.party_id, r.name FROM {rows} r {parties}"
        has_former = f"SELECT 1 FROM (DESCRIBE SELECT * FROM {rows}) WHERE column_name = {literal(_FORMER_NAMES)}"
        if run.rows(has_former):
            query += f" UNION SELECT p.party_id, unnest(r.{_FORMER_NAMES}) FROM {rows} r {parties}"
        found = [(str(code), str(name)) for code, name in run.rows(query) if name is not None]
    run.make(
        "register_name",
        {
            "code": ("VARCHAR", [code for code, _ in found]),
            "name": ("VARCHAR", [normalise_name(name) for _, name in found]),
        },
    )


def named_column(run: Run, source: Source) -> str | None:
    """Select-list item for the delivered name of the enterprise; None where the file has none."""
    name = run.mapping.name_source
    if name is None or name not in source.columns:
        return None
    return f"{text_of(source.columns[name])} AS {_NAME}"


def link_enterprises(run: Run, values: str, *, is_named: bool) -> None:
    """Table `enterprise`: each delivered code and name, the code meant, what is wrong or to be noted.

    Parameters
    ----------
    values : str
        FROM clause with `value uscc`, and `enterprise named` if `is_named`.
    """
    name = _NAME if is_named else "NULL"
    found = run.rows(f'SELECT DISTINCT "value uscc", {name} FROM {values}')
    given = [str(code) if code is not None else None for code, _ in found]
    names = [normalise_name(str(text)) if text is not None else None for _, text in found]
    codes, origins, problems = _read_codes(run, given)
    text = "VARCHAR"
    run.make(
        "pair",
        {
            "given": (text, given),
            "named": (text, [row[1] for row in found]),
            "name": (text, names),
            "code": (text, codes),
            "origin": (text, origins),
            "problem": (text, problems),
        },
    )
    if not is_named:
        run.connection.execute(
            "CREATE OR REPLACE TABLE enterprise AS SELECT *, NULL AS note FROM pair"
        )
        return
    _open_register(run)
    _find_by_name(run)


def join_enterprise(*, is_named: bool) -> str:
    """JOIN clause from checked values to `enterprise`, called `e`."""
    by_code = 'LEFT JOIN enterprise e ON e.given IS NOT DISTINCT FROM "value uscc"'
    return f"{by_code} AND e.named IS NOT DISTINCT FROM {_NAME}" if is_named else by_code


Texts = list[str | None]


def _read_codes(run: Run, given: Texts) -> tuple[Texts, Texts, Texts]:
    """Code, origin and problem of each delivered code; a missing one has neither."""
    rule = run.mapping.rules["uscc"]
    if rule.synthetic is None:
        kinds = tuple(rule.kinds)
        is_valid = uscc_is_valid([code or "" for code in given]).tolist()
        problems = [
            None
            if code is None or (ok and (not kinds or code.startswith(kinds)))
            else f"uscc:{'not_an_enterprise' if ok else 'invalid_uscc'}"
            for code, ok in zip(given, is_valid, strict=True)
        ]
        return given, [None for _ in given], problems
    namespace = rule.namespace or ""
    codes = [code and synthetic_uscc(namespace, code, kind=rule.kind) for code in given]
    origins = [code and f"{namespace}:{code}" for code in given]
    owners = dict(run.rows("SELECT party_id, origin FROM party WHERE origin IS NOT NULL"))
    # One code for two firms would merge them; whoever was first keeps it.
    order = sorted(range(len(given)), key=lambda place: given[place] or "")
    problems: Texts = [None for _ in given]
    for place in order:
        if owners.setdefault(codes[place], origins[place]) != origins[place]:
            problems[place] = "uscc:synthetic_collision"
    return codes, origins, problems


def _find_by_name(run: Run) -> None:
    """Decide the pairs whose code is not to be had by their name, and hold the others' names up."""
    rule = run.mapping.rules["uscc"]
    linked, missing = "false", "NULL"
    if rule.or_name is not None:
        missing = "CASE WHEN a.code IS NULL THEN 'uscc:missing' END"
        linked = (
            "problem IS NOT NULL OR code IS NULL" if rule.or_name_when_invalid else "code IS NULL"
        )
    run.connection.execute(
        "CREATE OR REPLACE TABLE enterprise AS WITH known AS (SELECT name, code FROM register_name "
        "UNION SELECT name, code FROM pair WHERE problem IS NULL AND code IS NOT NULL AND name IS NOT NULL), "
        "holder AS (SELECT name, min(code) AS code, count(*) AS holders FROM known GROUP BY name), "
        f"asked AS (SELECT *, ({linked}) AND name IS NOT NULL AS by_name FROM pair) "
        "SELECT a.given, a.named, CASE WHEN by_name THEN h.code ELSE a.code END AS code, a.origin, "
        f"CASE WHEN NOT by_name THEN coalesce(a.problem, {missing}) "
        "WHEN h.holders = 1 THEN NULL WHEN h.holders > 1 THEN 'uscc:name_ambiguous' "
        "WHEN a.problem = 'uscc:not_an_enterprise' THEN a.problem ELSE 'uscc:name_unknown' END AS problem, "
        "CASE WHEN by_name THEN 'uscc:linked_by_name' "
        "WHEN a.code IN (SELECT code FROM register_name) AND a.name IS NOT NULL AND NOT EXISTS ("
        "SELECT 1 FROM register_name r WHERE r.code = a.code AND r.name = a.name) "
        f"THEN {literal(_noted_column(run) + ':differs_from_register')} END AS note "
        "FROM asked a LEFT JOIN holder h ON h.name = a.name"
    )


def _noted_column(run: Run) -> str:
    return "name" if run.dataset.name == REGISTER else "enterprise_name"
