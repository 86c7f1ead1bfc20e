"""The OpenAPI document: who may call, with which key, and every way of failing."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from serving.access.callers import Role
from serving.access.decision import load_policy
from serving.door import DoorRoute, action_of
from serving.idempotency import HEADER
from serving.reference.responses import Problem

REF = "#/components/schemas/{model}"
_ABOUT = (
    "共享信用数据评级服务。 Ratings from shared credit data, with consent. "
    "Every failure is a problem document; /problems explains the codes."
)
_SCHEMES: dict[str, dict[str, str]] = {
    "client": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "xinqiao",
        "description": "A person's browser; over TLS the cookie is called __Host-xinqiao.",
    },
}
_KEY = {
    "name": HEADER.title(),
    "in": "header",
    "required": False,
    "description": "The same key and body give the same answer for a day; another body is refused.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[\\x21-\\x7e]+$"},
}


def describe(app: FastAPI) -> None:
    """Let the application describe itself by this module; made once, when first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document."""
    made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    parts: dict[str, Any] = made.setdefault("components", {})
    problem = Problem.model_json_schema(ref_template=REF)
    parts.setdefault("schemas", {})["Problem"] = problem
    parts["securitySchemes"] = _SCHEMES
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, DoorRoute):
            _complete(made["paths"], context)
    _say_local(made)
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    return made


def _say_local(part: object) -> None:
    """Times travel as wall time of Asia/Shanghai, without the offset that `date-time` demands."""
    if isinstance(part, dict):
        if part.get("format") == "date-time":
            part["format"] = "date-time-local"
        for inner in part.values():
            _say_local(inner)
    elif isinstance(part, list):
        for inner in part:
            _say_local(inner)


def _complete(paths: dict[str, Any], context: RouteContext) -> None:
    """Say of one endpoint who may call it."""
    if context.endpoint is None or context.path_format not in paths:
        return
    action = action_of(context.endpoint)
    roles = load_policy()[action].roles
    for method in context.methods or ():
        operation = paths[context.path_format][method.lower()]
        operation["x-action"] = str(action)
        operation["x-roles"] = sorted(roles)
        operation["security"] = _security(set(roles))
        if method == "POST" and Role.ANONYMOUS not in roles:
            operation.setdefault("parameters", []).append(_KEY)


def _security(roles: set[Role]) -> list[dict[str, list[str]]]:
    if Role.ANONYMOUS in roles:
        return []
    ways: list[dict[str, list[str]]] = [{"client": []}] if Role.CLIENT in roles else []
    return [*ways, {"session": []}] if roles - {Role.CLIENT} else ways
