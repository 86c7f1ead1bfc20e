"""`xinqiao predict`: a fitted model's answer to every row of a table."""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from pyarrow import csv

from features.errors import RequestError
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

    use_language(lang)
    if out_file.suffix.lower() not in {".parquet", ".csv"}:
        raise RequestError(
            en=f"--out must end in .parquet or .csv, got '{out_file.name}'.",
            zh=f"--out 应以 .parquet 或 .csv 结尾，现为“{out_file.name}”。",
        )
    scorer = open_scorer(bundle)
    scored = scorer.score(read_table(table), carry=carry or (), explain=explain)
    _write(scored.table, out_file)
    if scored.ignored:
        shown = ", ".join(scored.ignored)
        show(f"模型不读取的列：{shown}", f"Columns the model does not read: {shown}")
    mean = float(sum(scored.table[PROBABILITY].to_pylist())) / scored.table.num_rows
    show(
        f"{scored.table.num_rows} 行，平均概率 {mean:.2%}；模型包 {scorer.bundle.id[:12]} → {out_file}",
        f"{scored.table.num_rows} rows, mean probability {mean:.2%}; bundle {scorer.bundle.id[:12]} → {out_file}",
    )


def _write(table: pa.Table, path: Path) -> None:
    """Write beside the file and move into its place."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            csv.write_csv(table, beside)
        else:
            pq.write_table(table, beside, compression="zstd")
        beside.replace(path)
    except OSError as failed:
        raise RequestError(
            en=f"{path} cannot be written: {failed.strerror}.",
            zh=f"无法写入 {path}：{failed.strerror}。",
        ) from failed
    finally:
        beside.unlink(missing_ok=True)
