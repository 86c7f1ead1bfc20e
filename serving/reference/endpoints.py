"""The API describes itself on this host: `/openapi.json`, `/docs`, `/problems`; no script, no other host."""

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving.problems import language_of, load_meanings
from serving.reference.listing import operations
from serving.reference.problems import statuses
from serving.static import StaticFiles

_HERE = Path(__file__).parent
_STATIC = StaticFiles([_HERE / "files"])
router = APIRouter(include_in_schema=False)
router.include_router(_STATIC.router())


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["pretty"] = _pretty
    return made


def _pretty(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2)


_TEMPLATES = _templates()


@router.get("/openapi.json")
async def read_openapi(request: Request) -> JSONResponse:
    """The document that programs read."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def read_docs(request: Request) -> HTMLResponse:
    """The document for people."""
    document: dict[str, Any] = request.app.openapi()
    return _page(request, "docs.html", document=document, groups=operations(document))


@router.get("/problems")
async def read_problems(request: Request) -> HTMLResponse:
    """What every code means."""
    return _page(request, "problems.html", meanings=load_meanings(), statuses=statuses())


def _page(request: Request, name: str, **content: object) -> HTMLResponse:
    language = language_of(request, request.app.state.language)
    text = _TEMPLATES.get_template(name).render(
        lang="zh-CN" if language == "zh" else "en",
        is_zh=language == "zh",
        style=_STATIC.address("reference.css"),
        icon=_STATIC.address("icon.svg"),
        **content,
    )
    return HTMLResponse(text, headers={"Content-Language": language})
