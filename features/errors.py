"""The one error family: what was found, what was needed, what to do, in two languages.

Every error a user can cause is a `XinqiaoError` with a stable `code`; the command prints its
sentence and exits with `exit_code`, an HTTP edge answers with `status`. Sentences carry the place
(file, line, column) and never a person's data.
"""

from typing import ClassVar, Literal

Language = Literal["zh", "en"]


class XinqiaoError(Exception):
    """A mistake or a limit the user should hear about in one sentence.

    Parameters
    ----------
    en, zh : str
        The same sentence in English and Chinese.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en = en
        self.zh = zh

    def sentence(self, language: Language) -> str:
        """Return the sentence in the language asked for."""
        return self.zh if language == "zh" else self.en


class CatalogueError(XinqiaoError):
    """A dataset entry of the catalogue is wrong."""

    code = "catalogue"
    status = 500


class MappingError(XinqiaoError):
    """A mapping file does not fit the catalogue or the provider's file."""

    code = "mapping"
    status = 422


class DeliveryError(XinqiaoError):
    """A folder of files does not say clearly which file belongs to which dataset."""

    code = "delivery"
    status = 422


class SourceFileError(XinqiaoError):
    """A provider's file cannot be read as what it claims to be."""

    code = "source_file"
    status = 422


class ProviderError(XinqiaoError):
    """A provider's endpoint is described wrongly, or its answers cannot be used."""

    code = "provider"
    status = 502


class RejectedBatchError(XinqiaoError):
    """So many rows are bad that the whole delivery is refused; nothing landed."""

    code = "rejected_batch"
    status = 422


class QualityError(XinqiaoError):
    """A quality report cannot be made as asked: nothing delivered, a wrong duty, an unknown batch."""

    code = "quality"
    status = 422


class LakeError(XinqiaoError):
    """The lake is missing something, damaged, or busy."""

    code = "lake"
    status = 503


class UnknownEnterpriseError(XinqiaoError):
    """No enterprise of that id is in the lake."""

    code = "unknown_enterprise"
    status = 404


class ScopeError(XinqiaoError):
    """Something was asked for that the data scope does not open."""

    code = "scope"
    status = 403


class FeatureDefinitionError(XinqiaoError):
    """A feature is declared wrongly, or an unknown one was asked for."""

    code = "feature_definition"
    status = 500


class RuleError(XinqiaoError):
    """A rule is written wrongly, or asks what cannot be answered."""

    code = "rule"
    status = 422


class BundleError(XinqiaoError):
    """A model bundle is missing, damaged or does not fit these features."""

    code = "bundle"
    status = 503


class CohortError(XinqiaoError):
    """There are not enough labelled, consented rows to train on."""

    code = "cohort"
    status = 422


class TableError(XinqiaoError):
    """A table of one's own cannot be learned from or scored as asked."""

    code = "table"
    status = 422


class StudyError(XinqiaoError):
    """What a model is judged by is missing, damaged, or does not fit the model."""

    code = "study"
    status = 422


class RegistryError(XinqiaoError):
    """The record of who serves refuses a change, or was changed by another hand."""

    code = "registry"
    status = 409


class GateError(XinqiaoError):
    """A model failed a check that stands before serving."""

    code = "gate"
    status = 409


class DriftError(XinqiaoError):
    """A month cannot be held against a model's development sample."""

    code = "drift"
    status = 422


class DataMissingError(XinqiaoError):
    """A data set that the job needs is not where it is expected."""

    code = "data_missing"
    status = 503


class ModelDocumentError(XinqiaoError):
    """A parameter file of the models (scale, reasons) is wrong."""

    code = "model_document"
    status = 500


class ModelInputError(XinqiaoError):
    """A model was given something it cannot work on: wrong shape, wrong range, nothing at all."""

    code = "model_input"
    status = 422


class CalibrationError(XinqiaoError):
    """A margin cannot be turned into a probability by a rising line in log-odds."""

    code = "calibration"
    status = 422


class RequestError(XinqiaoError):
    """A request contradicts itself or asks for something that cannot be."""

    code = "request"
    status = 422
    exit_code = 2


class NoRecordError(XinqiaoError):
    """Nothing is on record that the model could read; silence is not rated."""

    code = "no_record"
    status = 404


class OnlineError(XinqiaoError):
    """The online vectors are missing or damaged."""

    code = "online"
    status = 503


class SparkError(XinqiaoError):
    """Spark is not set up, or refused what it was asked for."""

    code = "spark"
    status = 503


class SimulationError(XinqiaoError):
    """A city cannot be made or described as asked."""

    code = "simulation"
    status = 422
    exit_code = 2


class PanelError(XinqiaoError):
    """A panel cannot be written."""

    code = "panel"
    status = 503


class PlanError(XinqiaoError):
    """A plan of steps could not be confirmed when it was computed again."""

    code = "plan"
    status = 500
