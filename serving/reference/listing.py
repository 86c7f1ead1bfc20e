"""The OpenAPI document, ordered for a page."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Operation:
    """One endpoint as the page shows it."""

    anchor: str
    method: str
    path: str
    summary: str
    words: str
    roles: tuple[str, ...]
    parameters: tuple[Mapping[str, Any], ...]
    body: str
    answers: tuple[tuple[str, str, str], ...]


def operations(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Endpoints by the room they belong to."""
    groups: defaultdict[str, list[Operation]] = defaultdict(list)
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            room = (operation.get("tags") or ["service"])[0]
            groups[room].append(_operation(path, method.upper(), operation))
    return dict(groups)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    body = operation.get("requestBody", {})
    return Operation(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        words=operation.get("description", ""),
        roles=tuple(operation.get("x-roles", ())),
        parameters=tuple(operation.get("parameters", ())),
        body=_model(body),
        answers=tuple(
            (status, answer["description"], _model(answer))
            for status, answer in sorted(operation["responses"].items())
        ),
    )


def _model(holder: Mapping[str, Any]) -> str:
    """The name of the schema that a body or an answer has; empty for none of ours."""
    for content in holder.get("content", {}).values():
        schema = content.get("schema", {})
        name = schema.get("$ref", schema.get("items", {}).get("$ref", ""))
        if name:
            return str(name).rsplit("/", 1)[-1]
    return ""
