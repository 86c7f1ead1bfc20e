"""The page as a file: sections in their order, one language, nothing asked of any host."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.contracts import load_catalogue
from features.errors import Language, StudyError
from features.registry import Registry
from models.aliases import Entry
from models.bundle import Bundle
from training.dossier.about import limits, purpose
from training.dossier.calibration import calibration
from training.dossier.consent import consent
from training.dossier.explanations import examples, explanations
from training.dossier.figures import performance
from training.dossier.record import inventory, sign_off
from training.dossier.review import Review
from training.dossier.segments import segments
from training.dossier.shape import shape
from training.dossier.speech import Speech
from training.dossier.stability import stability
from training.dossier.summary import summary
from training.dossier.windows import data
from training.study import Study

#: In the order of the page.
SECTIONS = (
    summary,
    purpose,
    data,
    performance,
    calibration,
    stability,
    segments,
    shape,
    explanations,
    examples,
    consent,
    limits,
    inventory,
    sign_off,
)
LANGUAGES: tuple[Language, ...] = ("zh", "en")
_TEMPLATE = "dossier.html.jinja"


def write_dossier(
    study: Study,
    bundle: Bundle,
    path: Path,
    language: Language,
    *,
    registry: Registry,
    history: Sequence[Entry] = (),
) -> Path:
    """Write the dossier of one training, whole or not at all.

    Parameters
    ----------
    study : Study
    bundle : Bundle
        The one the study is of.
    path : Path
        File to write; an older one is replaced.
    language : {"zh", "en"}
    registry : Registry
        Words of the features.
    history : sequence of Entry
        Decisions about the bundle, oldest first.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    StudyError
        If study and bundle are of different models, or the study holds no rows.
    """
    page = render(study, bundle, language, registry=registry, history=history)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    draft.write_text(page, encoding="utf-8")
    return draft.replace(path)


def keep_dossiers(
    study: Study,
    bundle: Bundle,
    studies: Path,
    *,
    registry: Registry,
    history: Sequence[Entry] = (),
) -> tuple[Path, ...]:
    """Write the dossier in both languages beside the study; returns the files, Chinese first.

    Raises
    ------
    StudyError
        As `write_dossier`.
    """
    return tuple(
        write_dossier(
            study,
            bundle,
            dossier_path(studies, bundle.id, language),
            language,
            registry=registry,
            history=history,
        )
        for language in LANGUAGES
    )


def dossier_path(studies: Path, bundle_id: str, language: Language) -> Path:
    """Where a dossier is kept."""
    return studies / bundle_id / f"dossier.{language}.html"


def render(
    study: Study,
    bundle: Bundle,
    language: Language,
    *,
    registry: Registry,
    history: Sequence[Entry] = (),
) -> str:
    """The page as text; parameters and errors as for `write_dossier`."""
    _require_fit(study, bundle)
    say = Speech(language)
    review = Review(study, bundle, registry, load_catalogue(), tuple(history), say)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(_TEMPLATE).render(
        language="zh-CN" if language == "zh" else "en",
        say=say,
        study=study,
        sections=[section(review) for section in SECTIONS],
    )


def _require_fit(study: Study, bundle: Bundle) -> None:
    if study.bundle_id != bundle.id or study.features != bundle.layout.features:
        raise StudyError(
            en=f"The study is of model {study.bundle_id[:12]}, the bundle is {bundle.id[:12]}. Take both from the same "
            "training.",
            zh=f"验证材料属于模型 {study.bundle_id[:12]}，模型包为 {bundle.id[:12]}；两者须来自同一次训练。",
        )
    rows = [len(sample.firm) for sample in (study.development, study.out_of_time)]
    if min(rows) == 0:
        raise StudyError(
            en=f"The study of model {bundle.id[:12]} holds {rows[0]} rows of development and {rows[1]} later; a "
            "dossier needs both. Train again with more months of data.",
            zh=f"模型 {bundle.id[:12]} 的验证材料有开发期 {rows[0]} 行、时间外 {rows[1]} 行，档案两者都需要；"
            "请用更多月份的数据重新训练。",
        )
