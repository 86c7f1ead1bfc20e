"""`xinqiao predict`: a fitted model's answer to every row of a table."""

from pathlib import Path
from typing import Annotated

import typer

from xinqiao.console import Lang, show, use_language

HELP = """用 fit 得到的模型为一张表的每一行计算概率。 A fitted model's probability for every row of a table.

例 Example: xinqiao predict loans-fit new-loans.csv --explain --out scores.parquet
"""


def predict(
    bundle: Annotated[Path, typer.Argument(help="fit 的输出目录或其中的模型包 · folder of a fit")],
    table: Annotated[Path, typer.Argument(help="Parquet 或 · or CSV")],
    out_file: Annotated[Path, typer.Option("--out", help="输出 · file to write: .parquet or .csv")],
    carry: Annotated[
        list[str] | None, typer.Option(help="随结果输出的列 · a column to carry over (repeatable)")
    ] = None,
    *,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="各列对对数几率的贡献 · what each column adds to the log-odds"
        ),
    ] = False,
    lang: Lang = "",
) -> None:
    """See `HELP`."""
    from training.table.reading import read_table  # noqa: PLC0415 - loads only what a verb needs
    from training.table.scoring import PROBABILITY, open_scorer  # noqa: PLC0415 - as above
    from training.table.writing import require_suffix, write_table  # noqa: PLC0415 - as above

    use_language(lang)
    require_suffix(out_file)
    scorer = open_scorer(bundle)
    scored = scorer.score(read_table(table), carry=carry or (), explain=explain)
    write_table(scored.table, out_file)
    if scored.ignored:
        shown = ", ".join(scored.ignored)
        show(f"模型不读取的列：{shown}", f"Columns the model does not read: {shown}")
    mean = float(sum(scored.table[PROBABILITY].to_pylist())) / scored.table.num_rows
    show(
        f"{scored.table.num_rows} 行，平均概率 {mean:.2%}；模型包 {scorer.bundle.id[:12]} → {out_file}",
        f"{scored.table.num_rows} rows, mean probability {mean:.2%}; bundle {scorer.bundle.id[:12]} → {out_file}",
    )
