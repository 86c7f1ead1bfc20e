"""What may be asked, how often and how finely; from `rules.yaml` and the catalogue's classes."""

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.contracts import Catalogue, Column, Dataset, Sensitivity
from features.documents import Document, load_document
from features.errors import CatalogueError
from serving.errors import MalformedError, NotPermittedError

RULES = Path(__file__).with_name("rules.yaml")
#: Types of which a single value can be asked.
_ASKABLE = frozenset(
    {"str", "enum", "int", "money", "decimal", "date", "month", "bool", "ts", "list"}
)


class Rules(Document):
    """`rules.yaml` as written."""

    version: str
    in_force: date
    per_day: int = Field(ge=1)
    window_days: int = Field(ge=1)
    per_window: int = Field(ge=1)
    significant_digits: int = Field(ge=1, le=6)
    longest_value: int = Field(ge=1)
    identity: dict[str, list[str]]

    def is_identity(self, dataset: Dataset, name: str) -> bool:
        """Whether the column says who somebody is."""
        is_person = dataset.columns[name].personal is not None
        return is_person or name in self.identity.get(dataset.name, ())


@cache
def load_rules() -> Rules:
    """Read the rules.

    Raises
    ------
    CatalogueError
        If the file is malformed.
    """
    return load_document(RULES, Rules, CatalogueError)


def askable(catalogue: Catalogue, dataset: str, name: str) -> tuple[Dataset, Column]:
    """The dataset and column of a question.

    Raises
    ------
    MalformedError
        If there is no such dataset or column, or it holds no single value.
    NotPermittedError
        For the platform's own records, and secret data that their provider does not share by verification.
    """
    found = catalogue.datasets.get(dataset)
    if found is None:
        raise _malformed(
            "dataset", "There is no such dataset in the catalogue.", "共享清单中没有该数据集。"
        )
    kind = found.document.sensitivity
    is_offered = kind is not Sensitivity.SECRET or found.document.sharing_mode == "verification"
    if kind is Sensitivity.INTERNAL or not is_offered:
        raise NotPermittedError(
            en=f"'{found.name}' is not shared by verification.",
            zh=f"数据集“{found.name}”不以核验方式共享。",
            details={"dataset": found.name},
        )
    column = found.columns.get(name)
    if column is None or not column.is_stored or name == "uscc":
        raise _malformed(
            "column", f"'{found.name}' has no such column.", f"数据集“{found.name}”没有该字段。"
        )
    if column.type not in _ASKABLE and column.personal is None:
        raise _malformed("column", "This column holds no single value.", "该字段不是单一取值。")
    return found, column


def needs_of(dataset: Dataset, column: Column) -> tuple[frozenset[str], bool]:
    """Consent scopes a question needs, and whether it needs no consent at all.

    Persons' data need a live consent also where the rest of the record is public.
    """
    if dataset.needs_consent:
        return frozenset({dataset.document.consent_scope or ""}), False
    return frozenset(), column.personal is None


def _malformed(place: str, en: str, zh: str) -> MalformedError:
    fields = [{"place": f"body.question.{place}", "problem": "unknown"}]
    return MalformedError(en=en, zh=zh, details={"fields": fields})
