"""Answers out of a stream of bytes: as little of HTTP/1.1 as a service of ours can send."""

from typing import NoReturn

from benchmarks.load.plan import Answer

_HEAD_END = b"\r\n\r\n"
_LARGEST_HEAD = 64 * 1024
_NO_BODY = frozenset({204, 304})
_FIRST_FINAL = 200


class MalformedAnswerError(Exception):
    """The bytes are not an HTTP/1.1 answer."""


class AnswerReader:
    """Collects one answer after another from one connection."""

    __slots__ = ("_at", "_body", "_buffer", "_closes", "_is_chunked", "_length", "_status")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._begin()

    def _begin(self) -> None:
        self._status = 0  # none read yet
        self._at = 0  # where the unread part of the buffer begins
        self._length: int | None = None
        self._is_chunked = False
        self._closes = False
        self._body = bytearray()  # of a chunked answer

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes as they come; return the answer when it is whole.

        Raises
        ------
        MalformedAnswerError
            If the bytes cannot be an answer, or go on after its end.
        """
        self._buffer += data
        while not self._status:
            if not self._read_head():
                return None
        if self._is_chunked:
            return self._finished(bytes(self._body)) if self._read_chunks() else None
        if self._length is None or len(self._buffer) - self._at < self._length:
            return None
        body = bytes(self._buffer[self._at : self._at + self._length])
        self._at += self._length
        return self._finished(body)

    def end(self) -> Answer | None:
        """The connection has closed: return the answer that only this could end, if there is one."""
        if self._status and self._length is None and not self._is_chunked:
            return Answer(self._status, bytes(self._buffer[self._at :]), closes=True)
        return None

    def _finished(self, body: bytes) -> Answer:
        if len(self._buffer) > self._at:
            _malformed("bytes after its end")
        answer = Answer(self._status, body, self._closes)
        self._buffer.clear()
        self._begin()
        return answer

    def _read_head(self) -> bool:
        cut = self._buffer.find(_HEAD_END)
        if cut < 0:
            if len(self._buffer) > _LARGEST_HEAD:
                _malformed("a head without end")
            return False
        head = bytes(self._buffer[:cut]).lower()
        if not (head.startswith(b"http/1.") and head[9:12].isdigit()):
            _malformed("no status line")
        status = int(head[9:12])
        if status < _FIRST_FINAL:  # "100 Continue": the answer is still to come
            del self._buffer[: cut + len(_HEAD_END)]
            return bool(self._buffer) and self._read_head()
        self._status, self._at = status, cut + len(_HEAD_END)
        self._closes = _header(head, b"connection") == b"close" or head.startswith(b"http/1.0")
        self._is_chunked = _header(head, b"transfer-encoding") == b"chunked"
        self._length = 0 if status in _NO_BODY else _number(_header(head, b"content-length"), 10)
        return True

    def _read_chunks(self) -> bool:
        buffer = self._buffer
        while True:
            line_end = buffer.find(b"\r\n", self._at)
            if line_end < 0:
                return False
            size = _number(bytes(buffer[self._at : line_end]).partition(b";")[0].strip(), 16) or 0
            start = line_end + 2
            if size == 0:  # trailers are not used by anything of ours, so the last chunk ends all
                if len(buffer) < start + 2:
                    return False
                self._at = start + 2
                return True
            if len(buffer) < start + size + 2:
                return False
            self._body += buffer[start : start + size]
            self._at = start + size + 2


def _header(head: bytes, name: bytes) -> bytes | None:
    start = head.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : len(head) if end < 0 else end].strip()


def _number(digits: bytes | None, base: int) -> int | None:
    if digits is None:
        return None
    try:
        return int(digits, base)
    except ValueError:
        return _malformed("a length that is no number")


def _malformed(what: str) -> NoReturn:
    raise MalformedAnswerError(f"The answer has {what}.")
