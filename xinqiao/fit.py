"""`xinqiao fit`: a bank's own model on a bank's own table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.clock import now_in_shanghai
from features.errors import RequestError, TableError
from xinqiao.console import Json, Lang, progress, show, show_json, use_language, word
from xinqiao.fit_report import Fit, print_fit
from xinqiao.settings import load_settings

if TYPE_CHECKING:
    from training.table.columns import LabelledTable
    from training.table.protocol import Protocol, Split
    from training.table.sentinel import Suspect

# LightGBM and scikit-learn take seconds to load, so only a fit loads them.

HELP = """用任意表格训练并验证模型。 Train and validate a model on any Parquet or CSV table.

例 Example: xinqiao fit loans.csv --target status --positive bad --protocol kfold:10 --out loans-fit

例 Example: xinqiao fit loans.parquet --target default --protocol 'time:year<=2019' --monotone shape.yaml
"""


@dataclass(frozen=True)
class Request:
    """What a fit was asked for."""

    table: Path
    target: str
    positive: str | None
    protocol: str
    test: Path | None
    drop: Sequence[str]
    keep: bool
    weight: str | None
    trials: int
    monotone: Path | None
    max_depth: int | None
    seed: int
    strict: bool
    out: Path


def fit(
    table: Annotated[Path, typer.Argument(help="Parquet 或 · or CSV")],
    *,
    target: Annotated[str, typer.Option(help="目标列 · column of the outcome")],
    positive: Annotated[
        str | None, typer.Option(help="目标列中算作违约的取值 · value that is the outcome")
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="kfold:10 | group:COL:5 | time:COL<=V")
    ] = "kfold:10",
    test: Annotated[
        Path | None, typer.Option(help="另一张只用于检验的表 · a table to be judged on")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(help="不参与学习的列 · a column to leave out (repeatable)")
    ] = None,
    weight: Annotated[str | None, typer.Option(help="权重列 · column of weights")] = None,
    trials: Annotated[
        int, typer.Option(min=0, help="每个划分的调参次数；0 为固定参数 · trials a split; 0: fixed")
    ] = 8,
    monotone: Annotated[
        Path | None, typer.Option(help="方向约束文件 · YAML or JSON, column: -1|0|1")
    ] = None,
    max_depth: Annotated[int | None, typer.Option(help="树的最大深度 · depth at most")] = None,
    seed: Annotated[int, typer.Option(min=0, help="随机种子 · seed")] = 7,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="输出目录 · folder; default: fits/NAME in the home")
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="分组列或时间列也参与学习 · learn from the split's column, too"
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="有泄漏嫌疑即拒绝 · refuse when a leak is suspected")
    ] = False,
    lang: Lang = "",
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    use_language(lang)
    request = Request(
        table,
        target,
        positive,
        protocol,
        test,
        tuple(drop or ()),
        keep,
        weight,
        trials,
        monotone,
        max_depth,
        seed,
        strict,
        out_folder or load_settings().home / "fits" / table.stem,
    )
    done = run_fit(request, is_quiet=as_json)
    if as_json:
        show_json(done.content)
    else:
        print_fit(done)


def run_fit(request: Request, *, is_quiet: bool) -> Fit:
    """Read, look for leaks, fit, judge, write.

    Raises
    ------
    TableError
        If the table cannot be learned from as asked, or a leak is suspected under `--strict`.
    """
    from training.table.bundling import bundle_table  # noqa: PLC0415 - see above
    from training.table.fitting import FitPlan, fit_table  # noqa: PLC0415 - see above
    from training.table.monotone import read_directions  # noqa: PLC0415 - see above
    from training.table.report import held_out_table, judge  # noqa: PLC0415 - see above
    from training.table.settings import load_rules, shapes_within  # noqa: PLC0415 - see above
    from training.table.writing import write_table  # noqa: PLC0415 - see above

    _require_folder(request.out)
    shapes = shapes_within(request.max_depth)
    labelled, protocol = _labelled(request)
    splits = protocol.splits(labelled, seed=request.seed)
    directions = read_directions(request.monotone, labelled.columns) if request.monotone else {}
    suspects = _suspects(request, labelled, protocol, splits, is_quiet=is_quiet)
    plan = FitPlan(
        protocol,
        load_rules(),
        shapes,
        directions,
        request.trials,
        request.seed,
        request.out / "trials.jsonl",
    )
    with progress("搜索与拟合", "Searching and fitting") as advance:
        fitted = fit_table(labelled, splits, plan, on_progress=advance)
    report = judge(labelled, fitted, plan)
    content = {**report.to_json(), **_about(labelled, suspects)}
    bundle, sweeps = bundle_table(
        labelled,
        fitted.final,
        directions,
        content,
        request.out / "bundle",
        now=now_in_shanghai(),
        seed=request.seed,
    )
    write_table(held_out_table(labelled, fitted), request.out / "held_out.parquet")
    content["monotone"] = [asdict(sweep) for sweep in sweeps]
    content["bundle"] = {"id": bundle.id, "path": str(bundle.path)}
    return Fit(labelled, report, suspects, sweeps, bundle, content)


def _require_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise RequestError(
            en=f"--out {folder} is a file. Name a folder.",
            zh=f"--out {folder} 是文件，请指定目录。",
        )


def _labelled(request: Request) -> "tuple[LabelledTable, Protocol]":
    """The rows to learn from and be judged on, and how they are held out."""
    from training.table.columns import label_table  # noqa: PLC0415 - see above
    from training.table.protocol import join_test, parse_protocol  # noqa: PLC0415 - see above
    from training.table.reading import read_table  # noqa: PLC0415 - see above

    table, test_from = read_table(request.table), None
    if request.test is not None:
        table, test_from = join_test(table, read_table(request.test))
    protocol = parse_protocol(request.protocol, test_from)
    outside = () if request.keep else protocol.outside
    labelled = label_table(
        table,
        target=request.target,
        positive=request.positive,
        drop=[*request.drop, *(name for name in outside if name not in request.drop)],
        weight=request.weight,
    )
    return labelled, protocol


def _suspects(
    request: Request,
    labelled: "LabelledTable",
    protocol: "Protocol",
    splits: "list[Split]",
    *,
    is_quiet: bool,
) -> "list[Suspect]":
    """Look for leaks before anything is trained; a person is told at once."""
    from training.table.sentinel import inspect, load_limits  # noqa: PLC0415 - see above

    time_column = protocol.column if protocol.kind == "time" else None
    found = inspect(labelled, splits, limits=load_limits(), time_column=time_column)
    for suspect in found if not is_quiet else ():
        show(
            f"泄漏嫌疑：{suspect.words.zh} {suspect.advice.zh}",
            f"Suspected leak: {suspect.words.en} {suspect.advice.en}",
        )
    if found and request.strict:
        named = [suspect.column or suspect.kind for suspect in found]
        shown = ", ".join(dict.fromkeys(named))
        raise TableError(
            en=f"{len(found)} leaks are suspected ({shown}) and --strict was given, so nothing was trained. "
            "Drop the columns with --drop, mend the rows, or leave --strict out.",
            zh=f"发现 {len(found)} 处泄漏嫌疑（{shown}），因使用 --strict 未训练。请用 --drop 排除这些列、修正数据，"
            "或去掉 --strict。",
        )
    return found


def _about(labelled: "LabelledTable", suspects: "list[Suspect]") -> dict[str, object]:
    return {
        "target": labelled.target,
        "positive": labelled.positive,
        "without_outcome": labelled.without_outcome,
        "columns": {column.name: column.kind.value for column in labelled.columns},
        "suspects": [
            {
                "column": suspect.column,
                "kind": suspect.kind,
                "figure": suspect.figure,
                "words": word(suspect.words),
                "advice": word(suspect.advice),
            }
            for suspect in suspects
        ],
    }
