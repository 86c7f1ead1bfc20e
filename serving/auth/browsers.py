"""The session cookie of a person's browser, and whose page a change was sent from."""

from urllib.parse import urlsplit

from fastapi import Request, Response

from serving.auth.rules import load_rules
from serving.errors import CrossSiteError
from serving.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_name(settings: Settings) -> str:
    """`__Host-` makes browsers refuse the cookie from another host or over http."""
    return "__Host-xinqiao" if settings.is_https else "xinqiao"


def session_token(request: Request, settings: Settings) -> str:
    """What the browser sent as its session, or nothing."""
    return request.cookies.get(cookie_name(settings), "")


def set_session(response: Response, settings: Settings, token: str) -> None:
    """Give the browser its session; scripts cannot read it, other sites' forms do not carry it."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=load_rules().sessions.absolute_seconds,
        path="/",
        secure=settings.is_https,
        httponly=True,
        samesite="lax",
    )


def clear_session(response: Response, settings: Settings) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        cookie_name(settings), path="/", secure=settings.is_https, httponly=True, samesite="lax"
    )


def require_same_site(request: Request, settings: Settings, *, with_session: bool) -> None:
    """Let a change through only if one of our own pages, or the person itself, sent it.

    Parameters
    ----------
    with_session : bool
        The request rides on a cookie: then it must say where it comes from. Browsers send
        `Sec-Fetch-Site`, older ones `Origin`. Without a cookie (a login) saying nothing is allowed.

    Raises
    ------
    CrossSiteError
        If it comes from elsewhere, or does not say.
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        is_ours = site in {"same-origin", "none"}
    elif origin is not None:
        is_ours = _is_own(origin, request, settings)
    else:
        is_ours = not with_session
    if not is_ours:
        raise CrossSiteError(
            en="This change was not sent from a page of this site, so it was not made. Open the site "
            "itself and repeat it there; a program uses a bearer token instead of a session.",
            zh="该操作不是从本站页面发出的，未予执行；请在本站页面中重新操作，程序请使用访问令牌。",
        )


def _is_own(origin: str, request: Request, settings: Settings) -> bool:
    parts = urlsplit(origin)
    is_secure_enough = parts.scheme == "https" or not settings.is_https
    return is_secure_enough and parts.netloc == request.headers.get("host", "")
