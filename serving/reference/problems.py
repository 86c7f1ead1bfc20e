"""`docs/reference/problems.md`: every code that can leave, with its status and meaning."""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

import serving
from features.errors import XinqiaoError
from serving.problems import load_meanings


@cache
def statuses() -> Mapping[str, int]:
    """HTTP status by code, of every error of the platform; a room keeps its own in `errors.py`."""
    for module in pkgutil.walk_packages(serving.__path__, "serving."):
        if module.name.endswith(".errors"):
            import_module(module.name)
    return {kind.code: kind.status for kind in _kinds(XinqiaoError)}


def problems_page() -> str:
    """The page, from the codes and their words."""
    lines = [
        "# 问题代码 · Problem codes",
        "",
        "Every failure of the service is one document (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `code`,",
        "`detail`, `instance` (the request id) and members that depend on the code. Programs decide by `code`; people read `detail`.",
        "Generated from `serving/problems.yaml`.",
        "",
    ]
    found = statuses()
    meanings = load_meanings()
    for code in sorted(found):
        lines += [
            f"## `{code}`",
            "",
            f"HTTP {found[code]}. {meanings[code].zh} {meanings[code].en}",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def _kinds(kind: type[XinqiaoError]) -> Iterator[type[XinqiaoError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
