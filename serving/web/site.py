"""How every page is made: one set of templates, one style, no script, nothing from another host."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.contracts import Words, load_catalogue
from features.errors import Language
from serving.access.callers import NOBODY, Caller, Role
from serving.consent.rules import known_scopes
from serving.disputes.steps import STEPS
from serving.disputes.words import load_words as case_words
from serving.door import Door
from serving.look import Look
from serving.ratings.schemas import Wording
from serving.static import StaticFiles
from serving.web.choices import Choices, choices_of, remember
from serving.web.words import words_for

_HERE = Path(__file__).parent
FILES = StaticFiles([_HERE / "files"], "/static/web")
#: Where somebody is at home after a login.
HOMES: Mapping[Role, str] = {Role.OWNER: "/me", Role.OFFICER: "/bank", Role.OPERATOR: "/ops"}


class Pages(Door):
    """A door whose answers are pages; the description of the API leaves them out."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix, "pages")
        self.include_in_schema = False


@cache
def templates() -> Environment:
    """The environment of all templates; a value that is missing stops the page."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=_percent, signed=_signed, moment=_moment, share=_share, yuan=_ten_thousands
    )
    return made


def page(look: Look, request: Request, name: str, **content: object) -> HTMLResponse:
    """An answer of a door as a page."""
    settings = look.house.settings
    choices = choices_of(request, settings.language)
    text = render(request, name, choices, look.caller, content)
    response = HTMLResponse(text, headers={"Content-Language": choices.language})
    remember(request, response, settings)
    return response


def render(
    request: Request,
    name: str,
    choices: Choices,
    caller: Caller,
    content: Mapping[str, object],
) -> str:
    """The text of a page."""
    return (
        templates()
        .get_template(name)
        .render(
            **_speech(choices.language),
            style=FILES.address("site.css"),
            icon=FILES.address("icon.svg"),
            step_needs=_step_needs,
            lang="zh-CN" if choices.language == "zh" else "en",
            is_zh=choices.language == "zh",
            is_large=choices.is_large,
            here=request.url.path,
            is_read=request.method in {"GET", "HEAD"},
            caller=caller,
            home=HOMES.get(caller.role, "/"),
            is_known=caller is not NOBODY and caller.kind == "person",
            **content,
        )
    )


def go_to(path: str) -> RedirectResponse:
    """Send the browser on after a change, so that loading again does not repeat it."""
    return RedirectResponse(path, 303)


def router() -> APIRouter:
    """The files of the pages."""
    return FILES.router()


def _speech(language: Language) -> dict[str, Callable[..., str]]:
    """Functions by which a template says something in the reader's language."""
    is_zh = language == "zh"

    def of(words: Words | Wording | Mapping[str, str]) -> str:
        if isinstance(words, Mapping):
            return words["zh" if is_zh else "en"]
        return words.zh if is_zh else words.en

    def say(zh: str, en: str) -> str:
        return zh if is_zh else en

    def word(kind: str, code: object) -> str:
        return of(words_for(kind, str(code)))

    def scope(code: str) -> str:
        known = known_scopes().get(code)
        return code if known is None else say(known.zh, known.en)

    def dataset(name: str) -> str:
        known = load_catalogue().datasets.get(name)
        return name if known is None else of(known.document.title)

    def case_state(state: str) -> str:
        return of(case_words().states[state])

    return {
        "of": of,
        "say": say,
        "word": word,
        "scope_name": scope,
        "dataset_name": dataset,
        "case_state": case_state,
    }


def _step_needs(kind: str, name: str) -> tuple[str, ...]:
    return next(step.needs for step in STEPS if (step.kind, step.name) == (kind, name))


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _share(share: float) -> str:
    return f"{100 * share:.0f}%"


def _ten_thousands(yuan: Decimal) -> str:
    return f"{yuan / 10_000:,.2f}"


def _signed(points: int) -> str:
    return f"{points:+d}".replace("-", "−")


def _moment(when: Any) -> str:
    """A day as it is, an instant to the minute; texts of the record are instants, too."""
    if isinstance(when, str):
        return when[:16].replace("T", " ")
    if isinstance(when, datetime):
        return f"{when:%Y-%m-%d %H:%M}"
    return when.isoformat() if isinstance(when, date) else str(when)
