"""`xinqiao demo`: the whole road on one data set, from files to rating cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import features
from features.errors import DataMissingError
from features.lake import Batch
from xinqiao.console import show
from xinqiao.features import refresh_online
from xinqiao.landing import land
from xinqiao.rate import Look, print_card, rate_all
from xinqiao.settings import Settings, load_settings
from xinqiao.train import print_validation, train

HELP = """全程演示：入库、特征、建模、评级。 The whole road: ingest, features, training, ratings.

例 Example: xinqiao demo --data cumcm2020c
"""

MAPPINGS = Path(features.__file__).parent / "mappings"


@dataclass(frozen=True)
class Step:
    """Files of one dataset in one provider format."""

    dataset: str
    mapping: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Tour:
    """A data set the demo knows: its files in landing order, and the date to rate at."""

    as_of_date: date
    steps: tuple[Step, ...]


_WITH, _WITHOUT = "with_record.parquet", "without_record.parquet"
_FIRMS = (f"enterprises_{_WITH}", f"enterprises_{_WITHOUT}")

TOURS: Mapping[str, Tour] = {
    "cumcm2020c": Tour(
        # The first month end at which every delivered invoice was available.
        as_of_date=date(2020, 2, 29),
        steps=(
            Step("reg_basic", "registration.yaml", _FIRMS),
            Step("consent_event", "consent_modelling.yaml", _FIRMS),
            Step("loan_outcome", "loan_outcome.yaml", _FIRMS[:1]),
            Step(
                "invoice_line",
                "output_invoices.yaml",
                (f"output_invoices_{_WITH}", f"output_invoices_{_WITHOUT}"),
            ),
            Step(
                "invoice_line",
                "input_invoices.yaml",
                (f"input_invoices_{_WITH}", f"input_invoices_{_WITHOUT}"),
            ),
        ),
    )
}


def demo(
    data: Annotated[str, typer.Option(help="数据集 · data set: cumcm2020c")] = "cumcm2020c",
) -> None:
    """See `HELP`."""
    settings = load_settings()
    tour = _tour(data)
    folder = settings.data / data
    _require_files(folder, tour)
    show("一、入库", "1. Ingest")
    land_tour(settings, data)
    show("二、建模与验证", "2. Train and validate")
    trained = train(settings, tour.as_of_date)
    show("三、全部企业评级", "3. Rate every firm")
    ratings = settings.home / "ratings.parquet"
    refresh_online(settings, tour.as_of_date)
    look = Look(tour.as_of_date)
    table = rate_all(settings, look, ratings)
    show(
        f"{table.num_rows} 家企业评级 → {ratings}",
        f"{table.num_rows} firms rated → {ratings}",
    )
    show("四、两张评级卡", "4. Two rating cards")
    scores = table["score"].to_numpy(zero_copy_only=False)
    ids = table["source_id"].to_pylist()
    for row in (int(np.nanargmax(scores)), int(np.nanargmin(scores))):
        print_card(settings, ids[row], look)
    show("五、模型验证", "5. Validation")
    print_validation(trained)
    show(
        "下一步：bin/xinqiao rate E1 · bin/xinqiao rate E1 --lang en · bin/xinqiao lake log",
        "Next: bin/xinqiao rate E1 · bin/xinqiao rate E1 --lang zh · bin/xinqiao lake log",
    )


def land_tour(settings: Settings, data: str) -> list[Batch]:
    """Ingest every file of a tour; what has landed before is skipped."""
    deliveries = [
        delivery
        for step in _tour(data).steps
        for delivery in land(
            settings,
            [settings.data / data / name for name in step.files],
            step.dataset,
            MAPPINGS / data / step.mapping,
        )
    ]
    return [delivery.batch for delivery in deliveries]


def _tour(data: str) -> Tour:
    try:
        return TOURS[data]
    except KeyError:
        known = ", ".join(TOURS)
        raise DataMissingError(
            en=f"The demo knows no data set '{data}'. It knows: {known}.",
            zh=f"演示没有数据集“{data}”。已有：{known}。",
        ) from None


def _require_files(folder: Path, tour: Tour) -> None:
    missing = sorted(
        {name for step in tour.steps for name in step.files if not (folder / name).is_file()}
    )
    if missing:
        raise DataMissingError(
            en=f"The data set is expected in {folder}, but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not there; set XINQIAO_DATA to the folder that holds "
            f"'{folder.name}'.",
            zh=f"演示数据应位于 {folder}，但缺少 {'、'.join(missing)}；"
            f"请将 XINQIAO_DATA 设为“{folder.name}”所在目录。",
        )
