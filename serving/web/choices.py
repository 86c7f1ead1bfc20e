"""What a browser chose to read in: language and size of type, kept in two cookies of no secrecy."""

from dataclasses import dataclass
from typing import Final

from fastapi import Request, Response

from features.errors import Language
from serving.problems import language_of
from serving.settings import Settings

#: Query parameter and cookie have one name. `lang` itself is read by `serving.problems.language_of`.
LANGUAGE, SIZE = "lang", "size"
_ALLOWED: Final = {LANGUAGE: ("zh", "en"), SIZE: ("normal", "large")}
_YEAR_SECONDS = 31_536_000


@dataclass(frozen=True)
class Choices:
    """How a page is to be read.

    Attributes
    ----------
    is_large : bool
        长者模式: everything half as large again, lines further apart.
    """

    language: Language
    is_large: bool


def choices_of(request: Request, otherwise: Language) -> Choices:
    """What was chosen now, else before, else what the browser says it likes."""
    chosen = request.query_params.get(SIZE, request.cookies.get(SIZE))
    return Choices(language_of(request, otherwise), chosen == "large")


def remember(request: Request, response: Response, settings: Settings) -> None:
    """Keep what was chosen with this request."""
    for name, allowed in _ALLOWED.items():
        chosen = request.query_params.get(name)
        if chosen in allowed:
            response.set_cookie(
                name,
                chosen,
                max_age=_YEAR_SECONDS,
                path="/",
                secure=settings.is_https,
                httponly=True,
                samesite="lax",
            )
