"""Files of pages, under names that hold their hash: a browser may keep them for ever."""

import hashlib
import mimetypes
from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter, Request, Response

from serving.access.decision import not_found

PREFIX = "/static"
_FOREVER = "public, max-age=31536000, immutable"


class StaticFiles:
    """Some folders' files, read once.

    Parameters
    ----------
    folders : iterable of Path
        Their files must have different names.
    prefix : str
        Each of several collections needs its own.
    """

    def __init__(self, folders: Iterable[Path], prefix: str = PREFIX) -> None:
        self.prefix = prefix
        files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
        self._addresses = {path.name: _hashed(path) for path in files}
        self._files = {_hashed(path): path.read_bytes() for path in files}

    def address(self, name: str) -> str:
        """Where a page finds a file of this name."""
        return f"{self.prefix}/{self._addresses[name]}"

    def router(self) -> APIRouter:
        """What answers for the files."""
        router = APIRouter(prefix=self.prefix, include_in_schema=False)

        @router.get("/{name}")
        async def read_file(name: str, request: Request) -> Response:
            if name not in self._files:
                raise not_found()
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            headers = {"Cache-Control": _FOREVER, "ETag": f'"{name}"'}
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(status_code=304, headers=headers)
            return Response(self._files[name], media_type=kind, headers=headers)

        return router


def _hashed(path: Path) -> str:
    short = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return f"{path.stem}.{short}{path.suffix}"
