"""Read a YAML file into a checked model, or say in one sentence what is wrong with it."""

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from features.errors import XinqiaoError


class Document(BaseModel):
    """Base of every YAML document: unknown keys are mistakes, loaded values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _UniqueKeys(yaml.CSafeLoader):
    """YAML in which a key given twice is a mistake, not the last one's victory."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str) and key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            if isinstance(key.value, str):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


DocumentT = TypeVar("DocumentT", bound=Document)


def load_document(
    path: Path, model: type[DocumentT], error: type[XinqiaoError] = XinqiaoError
) -> DocumentT:
    """Parse one YAML file against its model.

    Raises
    ------
    XinqiaoError
        Of the class given, with the file, the key and what was expected there.
    """
    try:
        content: Any = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506 - a SafeLoader
    except FileNotFoundError as missing:
        raise error(
            en=f"There is no file {path}. Check the path.", zh=f"文件 {path} 不存在，请检查路径。"
        ) from missing
    except OSError as failed:
        raise error(
            en=f"{path} cannot be read: {failed.strerror}.",
            zh=f"无法读取 {path}：{failed.strerror}。",
        ) from failed
    except (UnicodeDecodeError, yaml.YAMLError) as broken:
        where = " ".join(str(broken).split())
        raise error(
            en=f"{path} is not valid YAML: {where}.", zh=f"{path} 不是有效的 YAML：{where}。"
        ) from broken
    try:
        return model.model_validate(content if content is not None else {})
    except ValidationError as invalid:
        # A misspelt key is missing under its right name as well; what was written says more.
        errors = invalid.errors()
        first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
        sentence = _explain(first, model)
        raise error(en=f"{path}: {sentence}", zh=f"{path}：{sentence}") from invalid


def _explain(first: ErrorDetails, model: type[Document]) -> str:
    """One clause for the first violation: the key, what was found, what is needed."""
    key = ".".join(str(part) for part in first["loc"]) or "the document"
    if first["type"] == "extra_forbidden":
        near = _near(str(first["loc"][-1]), list(model.model_fields))
        return f"'{key}' is not a known key{near}."
    if first["type"] == "missing":
        return f"'{key}' is missing."
    message = first["msg"].removeprefix("Value error, ")
    found = first.get("input")
    shown = f", got {found!r}" if isinstance(found, str | int | float | bool) else ""
    return f"'{key}': {message}{shown}."


def _near(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=3)
    return f"; did you mean {', '.join(repr(name) for name in close)}?" if close else ""


def suggestion(word: str, known: list[str]) -> str:
    """` Did you mean 'a'?` for an unknown name, or nothing."""
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(name) for name in close)}?" if close else ""
