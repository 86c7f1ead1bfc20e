"""The public data sets the demo knows, and how their files land."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import features
from features.errors import DataMissingError
from features.lake import Batch
from xinqiao.landing import land
from xinqiao.settings import Settings

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


def land_tour(settings: Settings, data: str) -> list[Batch]:
    """Ingest every file of a tour; what has landed before is skipped."""
    deliveries = [
        delivery
        for step in tour_of(data).steps
        for delivery in land(
            settings,
            [settings.data / data / name for name in step.files],
            step.dataset,
            MAPPINGS / data / step.mapping,
        )
    ]
    return [delivery.batch for delivery in deliveries]


def tour_of(data: str) -> Tour:
    """The data set of that name.

    Raises
    ------
    DataMissingError
        If the demo knows no such data set.
    """
    try:
        return TOURS[data]
    except KeyError:
        known = ", ".join(["city", *TOURS])
        raise DataMissingError(
            en=f"The demo knows no data set '{data}'. It knows: {known}.",
            zh=f"演示没有数据集“{data}”。已有：{known}。",
        ) from None


def require_files(folder: Path, tour: Tour) -> None:
    """Refuse to start a tour of which a file is missing."""
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
