"""What the files of a folder are, decided before anything is read."""

from pathlib import Path

import pytest

from features.delivery import plan_delivery
from features.errors import CatalogueError, DeliveryError, MappingError
from tests.factories import INVOICES, with_penalties


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four data files in two sub-folders and at the top, and a mapping."""
    (tmp_path / "tax").mkdir()
    (tmp_path / "map").mkdir()
    for name in ("tax/a.csv", "tax/b.csv", "register.xlsx", "map/x.parquet"):
        (tmp_path / name).touch()
    (tmp_path / "tax.yaml").write_text(INVOICES, encoding="utf-8")
    return tmp_path


def write(folder: Path, *entries: str) -> None:
    text = "deliveries:\n" + "".join(f"  - {entry}\n" for entry in entries)
    (folder / "delivery.yaml").write_text(text, encoding="utf-8")


TAX = "{files: tax/*.csv, dataset: invoice_line, mapping: tax.yaml, max_rejected: 0.9}"


def test_the_register_lands_first_whatever_the_document_says(folder: Path) -> None:
    write(
        folder,
        TAX,
        "{files: map/*, dataset: consent_event}",
        "{files: register.xlsx, dataset: reg_basic}",
    )
    plan = plan_delivery(folder, with_penalties())
    names = [part.mapping.dataset.name for part in plan.parts]
    assert names == ["reg_basic", "consent_event", "invoice_line"]
    last = plan.parts[-1]
    assert [path.name for path in last.files] == ["a.csv", "b.csv"]
    assert (last.mapping.name, last.max_rejected) == ("tax.yaml", 0.9)
    assert plan.parts[0].mapping.name == "identity"
    assert plan.unclaimed == ()


def test_one_file_may_feed_two_datasets_and_an_unclaimed_one_is_named(folder: Path) -> None:
    write(folder, "{files: tax/a.csv, dataset: penalty}", "{files: tax/*, dataset: reg_basic}")
    plan = plan_delivery(folder, with_penalties())
    assert [len(part.files) for part in plan.parts] == [2, 1]
    assert [path.name for path in plan.unclaimed] == ["x.parquet", "register.xlsx"]


@pytest.mark.parametrize(
    ("entry", "error", "sentence"),
    [
        (
            "{files: '**/*.csv', dataset: invoice_line}",
            DeliveryError,
            r"both claim a\.csv for 'invoice_line'",
        ),
        (TAX, DeliveryError, "'tax/\\*.csv' and 'tax/\\*.csv' both claim a.csv"),
        (
            "{files: '*.ods', dataset: penalty}",
            DeliveryError,
            r"no data file of .* matches '\*\.ods'",
        ),
        (
            "{files: tax.yaml, dataset: penalty}",
            DeliveryError,
            "no data file of .* matches 'tax.yaml'",
        ),
        ("{files: ../*.csv, dataset: penalty}", DeliveryError, "leads out of the folder"),
        (
            "{files: '*', dataset: penalties}",
            CatalogueError,
            "no dataset 'penalties'.*Did you mean 'penalty'",
        ),
        ("{files: '*', dataset: penalty, mapping: no.yaml}", MappingError, "There is no file"),
        (
            "{files: '*', dataset: penalty, mapping: tax.yaml}",
            MappingError,
            "maps the dataset 'invoice_line'",
        ),
        ("{files: '*', dataset: penalty, max_rejected: 1.5}", DeliveryError, "max_rejected"),
        ("{file: '*', dataset: penalty}", DeliveryError, "'deliveries.1.file' is not a known key"),
    ],
)
def test_a_mistake_in_the_document_is_one_sentence(
    folder: Path, entry: str, error: type[Exception], sentence: str
) -> None:
    write(folder, TAX, entry)
    with pytest.raises(error, match=sentence):
        plan_delivery(folder, with_penalties())


def test_names_say_what_a_folder_without_a_document_holds(tmp_path: Path) -> None:
    names = (
        "penalty/2025/a.csv",
        "penalty/.hidden.csv",
        "reg_basic.xlsx",
        "invoice_line_2025.csv",
        "invoice_line/b.csv",
        "notes.md",
        "~$reg_basic.xlsx",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / "invoice_line" / "mapping.yaml").write_text(INVOICES, encoding="utf-8")
    parts = plan_delivery(tmp_path, with_penalties()).parts
    found = {
        (part.mapping.dataset.name, part.mapping.name, path.name)
        for part in parts
        for path in part.files
    }
    assert found == {
        ("reg_basic", "identity", "reg_basic.xlsx"),
        ("invoice_line", "mapping.yaml", "b.csv"),
        ("invoice_line", "identity", "invoice_line_2025.csv"),
        ("penalty", "identity", "a.csv"),
    }
    assert parts[0].mapping.dataset.name == "reg_basic"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("penaltys.csv", "file 'penaltys' is not named after a dataset.* Did you mean 'penalty'"),
        ("penalty_2025/a.csv", "sub-folder 'penalty_2025' is not named after a dataset"),
        ("readme.md", "holds no data file"),
    ],
)
def test_a_folder_that_says_nothing_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(DeliveryError, match=sentence) as refused:
        plan_delivery(tmp_path, with_penalties())
    assert refused.value.zh


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="There is no folder"):
        plan_delivery(tmp_path / "none", with_penalties())
