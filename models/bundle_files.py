"""Files of a bundle on disk: read, parsed, hashed, or refused in one sentence."""

import hashlib
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import ValidationError

from features.documents import Document
from features.errors import BundleError

DocumentT = TypeVar("DocumentT", bound=Document)


def read_file(path: Path, name: str) -> bytes:
    """Content of one file."""
    try:
        return (path / name).read_bytes()
    except OSError as missing:
        refuse(path, f"has no readable {name}", f"缺少可读取的 {name}", missing)


def parsed(path: Path, name: str, content: bytes, model: type[DocumentT]) -> DocumentT:
    """One JSON file as a document."""
    try:
        return model.model_validate_json(content)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the document"
        clause = f"'{key}': {first['msg']}"
        refuse(path, f"has a damaged {name}: {clause}", f"的 {name} 已损坏：{clause}", invalid)


def sha256(content: bytes) -> str:
    """Hash of one file [hex, 64 characters]."""
    return hashlib.sha256(content).hexdigest()


def refuse(path: Path, en: str, zh: str, cause: Exception | None = None) -> NoReturn:
    """Say what is wrong with the bundle; the sentences begin with its path."""
    raise BundleError(en=f"The bundle {path} {en}.", zh=f"模型包 {path} {zh}。") from cause
