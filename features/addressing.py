"""Which rows of a mixed file belong to the dataset: the condition `rows` of its mapping."""

from features.column_sql import text_of
from features.engine import literal
from features.mapping import Beginning
from features.run import Run
from features.sources import Source


def address_rows(run: Run, source: Source) -> None:
    """View `addressed`: the staged rows that the mapping says belong to this dataset.

    The others are neither delivered nor rejected; they are counted by `count_skipped`.
    """
    met = [
        _condition(text_of(source.columns[name]), wanted)
        for name, wanted in run.mapping.rows.items()
    ]
    run.connection.execute(
        f"CREATE OR REPLACE VIEW addressed AS SELECT * FROM staged WHERE {' AND '.join(met) or 'true'}"
    )


def count_skipped(run: Run) -> int:
    """Rows of the file that belong to another dataset, or to none."""
    return run.count("staged") - run.count("addressed") if run.mapping.rows else 0


def _condition(text: str, wanted: str | list[str] | Beginning) -> str:
    if wanted == "present":
        return f"{text} IS NOT NULL"
    if isinstance(wanted, Beginning):
        starts = [f"starts_with({text}, {literal(start)})" for start in wanted.starts_with]
        return f"({' OR '.join(starts)})"
    values = [wanted] if isinstance(wanted, str) else wanted
    return f"{text} IN ({', '.join(literal(value) for value in values)})"
