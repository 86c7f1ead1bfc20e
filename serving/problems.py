"""Every failure leaves as one problem document (RFC 9457), made here and nowhere else.

A refusal of ours says its own sentence. A failure inside says only what its code means; the log has
its place. Values of the request are never repeated: whoever sent them knows them, and a log or a
proxy on the way should not.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import CatalogueError, Language, XinqiaoError
from serving.access.decision import not_found
from serving.errors import (
    InternalError,
    MalformedError,
    MethodNotAllowedError,
    ServingError,
    TooLargeError,
)

MEDIA_TYPE = "application/problem+json"
MEANINGS = Path(__file__).with_name("problems.yaml")
_CHOICE = re.compile(
    r"^\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d*)?))?"
)
#: Names of fields are ours; whatever else a place holds came from the caller.
_FIELD = re.compile(r"[a-z][a-z0-9_-]{0,60}")
_MOST_FIELDS = 20
ProblemPage = Callable[[Request, Mapping[str, Any], Mapping[str, str]], Response]
_OURS = 500  # from this status on the failure is ours


class Meanings(Document):
    """`problems.yaml` as written: what each code means, whoever meets it."""

    problems: dict[str, Words] = Field(min_length=1)


@cache
def load_meanings() -> Mapping[str, Words]:
    """Read what every code means."""
    return load_document(MEANINGS, Meanings, CatalogueError).problems


def language_of(request: Request, otherwise: Language) -> Language:
    """The language the asker chose on a page of ours, or likes best of the two we speak."""
    chosen = request.query_params.get("lang", request.cookies.get("lang"))
    if chosen in {"zh", "en"}:
        return "zh" if chosen == "zh" else "en"
    best, liked = otherwise, 0.0
    for part in request.headers.get("accept-language", "")[:200].split(","):
        found = _CHOICE.match(part)
        weight = float(found[2] or 1) if found else 0.0
        if found and weight > liked and found[1].lower() in {"zh", "en"}:
            best, liked = ("zh" if found[1].lower() == "zh" else "en"), weight
    return best


def problem(request: Request, error: XinqiaoError, otherwise: Language = "zh") -> Response:
    """The document of one failure; a page of the same words for a browser.

    Parameters
    ----------
    otherwise : Language
        Spoken to those who name no language.
    """
    language = language_of(request, otherwise)
    meanings = load_meanings()
    meaning = meanings.get(error.code, meanings["error"])
    details, headers = _beside(error)
    request.state.problem = error.code
    content = {
        **details,
        "type": f"/problems#{error.code}",
        "title": _word(meaning, language),
        "status": error.status,
        "code": error.code,
        "detail": _detail(error, meaning, language),
        "instance": request.state.request_id,
    }
    headers["Content-Language"] = language
    as_page = _page_for(request)
    if as_page is not None:
        return as_page(request, content, headers)
    return JSONResponse(content, error.status, headers, MEDIA_TYPE)


def _page_for(request: Request) -> ProblemPage | None:
    """What makes pages of failures, if a page was asked for and there are pages here."""
    app = request.scope.get("app")
    is_for_browser = "text/html" in request.headers.get("accept", "")
    return getattr(app.state, "problem_page", None) if app and is_for_browser else None


def install(app: FastAPI, otherwise: Language) -> None:
    """Let this module answer for every failure of the application."""

    async def refused(request: Request, error: Exception) -> Response:
        known = error if isinstance(error, XinqiaoError) else _translated(error)
        answer = problem(request, known, otherwise)
        if isinstance(error, HTTPException) and "Allow" in (error.headers or {}):
            answer.headers["Allow"] = (error.headers or {})["Allow"]
        return answer

    for kind in (XinqiaoError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refused)


def malformed(errors: Sequence[Mapping[str, Any]]) -> MalformedError:
    """What is wrong with a request, by place and kind."""
    fields = [
        {"place": _place(error), "problem": str(error["type"])} for error in errors[:_MOST_FIELDS]
    ]
    first = fields[0]
    return MalformedError(
        en=f"The request is malformed in {len(errors)} place(s); first {first['place']}: {first['problem']}.",
        zh=f"请求有 {len(errors)} 处不符合要求；首处 {first['place']}：{first['problem']}。",
        details={"fields": fields},
    )


def _translated(error: Exception) -> ServingError:
    if isinstance(error, RequestValidationError):
        return malformed(error.errors())
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: not_found, 405: _method_not_allowed, 413: too_large}
    if status in known:
        return known[status]()
    if status < _OURS:
        return MalformedError(
            en="The request cannot be read. Send JSON as /docs shows.",
            zh="无法读取该请求，请按 /docs 的格式发送 JSON。",
        )
    return internal()


def too_large() -> TooLargeError:
    """The body is beyond the limit."""
    return TooLargeError(
        en="The body is larger than the service reads. Send less at a time.",
        zh="请求体超过上限，请分批发送。",
    )


def internal() -> InternalError:
    """A defect: nothing of it leaves but the request id."""
    return InternalError(
        en="Something failed on our side; nothing was done. Quote the instance when you ask about it.",
        zh="服务内部出错，本次未作任何处理；咨询时请提供 instance 编号。",
    )


def _method_not_allowed() -> MethodNotAllowedError:
    return MethodNotAllowedError(
        en="This address does not take that method; 'Allow' lists those it takes.",
        zh="该地址不支持此方法，可用方法见响应头 Allow。",
    )


def _beside(error: XinqiaoError) -> tuple[dict[str, object], dict[str, str]]:
    if not isinstance(error, ServingError):
        return {}, {}
    headers = dict(error.headers)
    if "retry_after_seconds" in error.details:
        headers["Retry-After"] = str(error.details["retry_after_seconds"])
    return dict(error.details), headers


def _detail(error: XinqiaoError, meaning: Words, language: Language) -> str:
    """A failure of a part of ours may name folders, so only its meaning leaves."""
    is_inside = error.status >= _OURS and not isinstance(error, ServingError)
    return _word(meaning, language) if is_inside else error.sentence(language)


def _word(words: Words, language: Language) -> str:
    return words.zh if language == "zh" else words.en


def _place(error: Mapping[str, Any]) -> str:
    parts = list(error["loc"])
    if error["type"] == "extra_forbidden":
        parts[-1] = None
    if error["type"] == "json_invalid":
        parts = parts[:1]
    return ".".join(_part(part) for part in parts)


def _part(part: object) -> str:
    if isinstance(part, int):
        return str(part)
    return part if isinstance(part, str) and _FIELD.fullmatch(part) else "?"
