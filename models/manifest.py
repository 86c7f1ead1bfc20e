"""What a bundle says about itself, as checked data."""

from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict, Field, FiniteFloat

from features.contracts import Words
from features.documents import Document
from features.registry import Direction, Missing

#: What the probability is of: `pd_12m` only where the label has a date and a 12-month window;
#: `event_6m` is of an early warning, which is no default and has no grade to be read by.
ProbabilityKind = Literal["default_probability", "pd_12m", "event_6m"]


class ModelFeature(Document):
    """A column of the model, with all that must still be true when it is used.

    Parameters
    ----------
    definition_hash : str
        SHA-256 of the definition the model was trained on.
    group : str
        Reason code.
    direction : {-1, 0, 1}
        Shape constraint on the probability of default.
    datasets : list of str
        Datasets the value depends on.
    missing : {"unknown", "zero", "stated"}
        What no record means; of a feature that is zero then, a value proves no record.
    gain : float
        Loss reduction of all splits on the feature in training, >= 0.
    """

    name: str
    definition_hash: str
    group: str
    direction: Direction
    datasets: list[str]
    missing: Missing = "unknown"
    gain: FiniteFloat = Field(ge=0)


class GradeRate(Document):
    """Defaults of one grade in validation and the interval of its default rate.

    `low` and `high` are None where no firm of the sample had the grade.
    """

    n: int = Field(ge=0)
    defaults: int = Field(ge=0)
    low: FiniteFloat | None
    high: FiniteFloat | None


class Line(Document):
    """The calibration line as written."""

    intercept: FiniteFloat
    slope: FiniteFloat


class Manifest(Document):
    """The manifest of a bundle; the hash of its text is the bundle's id.

    Parameters
    ----------
    as_of_date : date
        Moment of the features the model was trained on.
    consent_scopes : dict of str to (str or None)
        Consent that opens each dataset of the model; None for public data.
    metrics : dict of str to float
        Validation figures by name, from rows the model was not fitted on.
    grades : dict of str to GradeRate
        Default rate of each grade in the same validation.
    reference_firms : int
        Firms that ratings are compared with.
    files : dict of str to str
        SHA-256 of every other file of the bundle.
    """

    format: Literal[3] = 3
    name: str
    version: str
    created_at: datetime
    probability_kind: ProbabilityKind
    label: Words
    disclaimer: Words
    as_of_date: date
    features: list[ModelFeature] = Field(min_length=1)
    consent_scopes: dict[str, str | None]
    calibration: Line
    scale_id: str
    metrics: dict[str, FiniteFloat]
    grades: dict[str, GradeRate]
    interval_level: float = Field(gt=0, lt=1)
    libraries: dict[str, str]
    reference_firms: int = Field(ge=1)
    files: dict[str, str]


class ProofRow(Document):
    """A made-up row and what the model must answer to it.

    Missing and infinite values are written as the strings `NaN`, `Infinity` and `-Infinity`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    values: list[float]
    margin: float
    score: int
    points: list[int]


class Proof(Document):
    """Rows that a bundle must still answer as on the day it was written.

    `groups` names the columns of the rows' points.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    groups: list[str]
    rows: list[ProofRow] = Field(min_length=1)
