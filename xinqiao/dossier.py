"""`xinqiao dossier`: one page from which a model can be judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.definitions import REGISTRY
from features.errors import BundleError, Language
from models.aliases import CHAMPION, find_bundle, named_bundle, read_record
from models.bundle import load_bundle
from training.study import read_study
from xinqiao.console import LANGUAGE, Json, Lang, show, show_json, use_language
from xinqiao.settings import Settings, load_settings

if TYPE_CHECKING:
    from models.aliases import Entry

HELP = """写出模型档案，供独立评审。 Write the dossier of a model, one HTML page for an independent review.

例 Example: xinqiao dossier base_12m@candidate --out dossier.html --lang zh
"""


def dossier(
    bundle: Annotated[
        str,
        typer.Argument(
            help="模型包编号开头或名称，默认最近训练的模型 · beginning of its id, or a name; default: trained last"
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="输出文件，默认放在验证材料旁 · file to write; default: beside the study"
        ),
    ] = None,
    lang: Lang = "",
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    use_language(lang)
    path, bundle_id = write(load_settings(), bundle, out, LANGUAGE.get())
    if as_json:
        show_json({"bundle_id": bundle_id, "path": str(path), "language": LANGUAGE.get()})
    else:
        show(f"模型 {bundle_id[:12]} 的档案：{path}", f"Dossier of model {bundle_id[:12]}: {path}")


def write(settings: Settings, asked: str, out: Path | None, language: Language) -> tuple[Path, str]:
    """Write the dossier of the model asked for; returns the file and the bundle's id."""
    from training.dossier import dossier_path, write_dossier  # noqa: PLC0415 - Jinja loads with it

    entries = read_record(settings.bundles)
    folder = _folder(settings.bundles, asked, entries)
    study = read_study(settings.studies, folder.name)
    found = load_bundle(folder, REGISTRY)
    path = out or dossier_path(settings.studies, found.id, language)
    history = [entry for entry in entries if entry.bundle_id == found.id]
    write_dossier(study, found, path, language, registry=REGISTRY, history=history)
    return path, found.id


def _folder(bundles: Path, asked: str, entries: "list[Entry]") -> Path:
    if not asked:
        return bundles / _trained_last(entries).bundle_id
    is_name = asked == CHAMPION or "@" in asked
    return named_bundle(bundles, asked) if is_name else find_bundle(bundles, asked)


def _trained_last(entries: "list[Entry]") -> "Entry":
    trained = [entry for entry in entries if not entry.serves]
    if not trained:
        raise BundleError(
            en="No model has been trained yet. Train one with `xinqiao train`.",
            zh="还没有训练过模型，请先运行 `xinqiao train`。",
        )
    return trained[-1]
