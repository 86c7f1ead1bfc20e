import pytest

from benchmarks.load.answers import AnswerReader, MalformedAnswerError
from benchmarks.load.plan import Answer

COUNTED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCONTENT-LENGTH: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n"
    b"4\r\nhell\r\nb;name=value\r\no, \r\nworld!\r\n0\r\n\r\n"
)
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + COUNTED
EMPTY = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (COUNTED, Answer(200, b"hello")),
        (CHUNKED, Answer(201, b"hello, \r\nworld!")),
        (CONTINUED, Answer(200, b"hello")),
        (EMPTY, Answer(204, b"", closes=True)),
    ],
)
def test_an_answer_is_the_same_however_it_is_cut(sent: bytes, expected: Answer) -> None:
    reader = AnswerReader()
    assert reader.feed(sent) == expected
    for cut in range(1, len(sent)):
        assert reader.feed(sent[:cut]) is None
        assert reader.feed(sent[cut:]) == expected
    for at in range(len(sent) - 1):
        assert reader.feed(sent[at : at + 1]) is None
    assert reader.feed(sent[-1:]) == expected


def test_the_end_of_the_connection_ends_an_answer_without_a_length() -> None:
    reader = AnswerReader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    assert reader.end() == Answer(200, b"hello", closes=True)


@pytest.mark.parametrize("cut_short", [b"", b"HTTP/1.1 200 OK\r\n", COUNTED[:-1], CHUNKED[:-1]])
def test_the_end_of_the_connection_completes_nothing_else(cut_short: bytes) -> None:
    reader = AnswerReader()
    reader.feed(cut_short)
    assert reader.end() is None


@pytest.mark.parametrize(
    ("sent", "what"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no status line"),
        (b"x" * 65_537, "a head without end"),
        (COUNTED + b"!", "bytes after its end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\n", "a length that is no number"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "no number"),
    ],
)
def test_what_is_no_answer_is_refused(sent: bytes, what: str) -> None:
    with pytest.raises(MalformedAnswerError, match=what):
        AnswerReader().feed(sent)
