"""One JSON object a line on stderr: ids, routes, counts and times, nothing about anybody.

Two locks hold that. Only names on the list are written; and of a text only what cannot be a person's
or a firm's: long runs of digits, credit codes and everything beyond ASCII are blotted out.
"""

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from features.clock import now_in_shanghai

#: Every member a line may have beside its event, time and level.
MEMBERS = frozenset(
    {
        "request_id", "method", "route", "status", "milliseconds", "kind", "role", "code", "error",
        "frames", "logger", "job", "count", "pid", "part", "exit_code", "port", "workers", "words",
    }
)  # fmt: skip
_SECRETIVE = re.compile(r"\d{17}[0-9Xx]|[0-9A-HJ-NPQRTUWXY]{18}|\d{11,}|[^\x20-\x7e]+")
_FREE = frozenset({"request_id"})  # of a form that `guard` has checked
_MOST_FRAMES = 30


def make_log(stream: TextIO | None = None) -> FilteringBoundLogger:
    """A log of one process.

    Parameters
    ----------
    stream : TextIO or None
        Where lines go; None means stderr.
    """
    steps: list[Processor] = [
        structlog.processors.add_log_level,
        _only_known,
        _stamped,
        structlog.processors.JSONRenderer(),
    ]
    made: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    return made


def blotted(text: str) -> str:
    """The text without what could name somebody.

    Examples
    --------
    >>> blotted("no file for 91370000000000000X, 13900001111 or 张三")
    'no file for *, * or *'
    """
    return _SECRETIVE.sub("*", text)


def frames_of(stack: TracebackType | None) -> list[str]:
    """Where it happened: files, lines and functions, without a word of what was in them."""
    found = traceback.extract_tb(stack)[-_MOST_FRAMES:]
    return [f"{_short(frame.filename)}:{frame.lineno}:{frame.name}" for frame in found]


class LibraryLog(logging.Handler):
    """What libraries say, in our lines: uvicorn's words and our own, of the others only who and where."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; what a library interpolated into its message does not come along."""
        said: dict[str, object] = {"logger": record.name, "frames": [], "error": ""}
        if record.exc_info and record.exc_info[0]:
            said |= {"error": record.exc_info[0].__name__, "frames": frames_of(record.exc_info[2])}
        if record.name.startswith("xinqiao."):  # ours: codes and counts, nothing about anybody
            said["words"] = record.getMessage()
        elif record.name == "uvicorn.error":
            said["words"] = str(record.msg).splitlines()[0] if record.msg else ""
        self._log.warning("library.said", **said)


def listen_to_libraries(log: FilteringBoundLogger) -> None:
    """Send everything that libraries log through ours; once a process."""
    root = logging.getLogger()
    root.handlers = [LibraryLog(log)]
    root.setLevel(logging.WARNING)


def _only_known(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {name: _clean(name, value) for name, value in line.items() if name in MEMBERS}
    return {"event": line["event"], "level": line["level"], **kept}


def _clean(name: str, value: object) -> object:
    if name in _FREE or value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**10 else "*"
    if isinstance(value, list):
        return [blotted(str(part)) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return blotted(str(value))


def _stamped(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"at": now_in_shanghai().isoformat(timespec="milliseconds"), **line}


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])
