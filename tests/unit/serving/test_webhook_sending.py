"""One sending, against receivers that misbehave over real sockets."""

import ssl
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from serving.webhooks import sending
from serving.webhooks.addresses import Target
from serving.webhooks.rules import Sending, load_rules
from serving.webhooks.sending import Parcel, Reply, Sender
from tests.notice_servers import receiving

#: Patience that costs a test little [s].
SHORT = load_rules().sending.model_copy(update={"connect_seconds": 0.3, "total_seconds": 0.4})
UNHURRIED = load_rules().sending.model_copy(update={"connect_seconds": 30.0, "total_seconds": 60.0})


def send(url: str, *, limits: Sending = UNHURRIED) -> Reply:
    sender = Sender(may_loop_back=True, limits=limits, hands=1)
    try:
        return sender.send(Parcel(url, {"Content-Type": "application/json"}, "{}"))
    finally:
        sender.close()


@pytest.mark.parametrize(
    ("mode", "outcome", "status"),
    [
        ("ok", "sent", 200),
        ("no_content", "sent", 204),
        ("closing", "sent", 200),
        ("odd_body", "sent", 200),
        ("flood", "sent", 200),  # the status says it; of the body no byte is needed
        ("error", "http_500", 500),
        ("refusing", "http_401", 401),
        ("gone", "http_410", 410),
        ("redirect", "redirect", 302),
        ("redirect_kept", "redirect", 307),
        ("refresh", "redirect", 300),
        ("garbage", "connection", None),
        ("empty", "connection", None),
        ("half_head", "sent", 200),
        ("many_headers", "connection", None),
        ("long_header", "connection", None),
        ("bad_length", "sent", 200),
    ],
)
def test_what_a_receiver_answers(mode: str, outcome: str, status: int | None) -> None:
    with receiving(mode) as server:
        reply = send(server.url)
    assert (reply.outcome, reply.status) == (outcome, status)
    assert len(server.requests) == 1, "sent once, and nowhere else"


@pytest.mark.parametrize("mode", ["hang", "drip_continue"])
def test_a_slow_receiver_is_cut_off(mode: str) -> None:
    with receiving(mode) as server:
        reply = send(server.url, limits=SHORT)
    assert reply.outcome == "timeout"
    assert reply.milliseconds < 5_000


@pytest.mark.parametrize("mode", ["drip_head", "drip_body", "endless"])
def test_what_never_ends_after_the_status_takes_nothing_back(mode: str) -> None:
    with receiving(mode) as server:
        reply = send(server.url, limits=SHORT)
    assert reply.outcome == "sent"


@pytest.mark.parametrize(
    ("mode", "seconds"), [("busy", 120.0), ("busy_until", None), ("busy_nonsense", None)]
)
def test_a_busy_receiver_says_when_to_come_back(mode: str, seconds: float | None) -> None:
    with receiving(mode) as server:
        assert send(server.url).retry_after == seconds


def test_nobody_is_there() -> None:
    with receiving() as server:
        url = server.url
    assert send(url).outcome == "connection"


def test_a_refused_address_is_an_outcome_and_nothing_is_connected() -> None:
    with receiving() as server:
        sender = Sender(hands=1, resolve=lambda *_: ["127.0.0.1"])
        for url in (server.url, f"https://bank.cn:{server.port}/", "https://bank.cn/"):
            assert sender.send(Parcel(url, {}, "{}")).status is None
        reply = sender.send(Parcel("https://bank.cn/", {}, "{}"))
        sender.close()
    assert reply.outcome == "address_closed"
    assert server.connections == 0


def test_a_connection_is_kept_and_replaced_when_it_was_closed() -> None:
    with receiving() as server:
        sender = Sender(may_loop_back=True, limits=UNHURRIED, hands=1)
        parcel = Parcel(server.url, {}, "{}")
        assert sender.send(parcel).is_sent
        assert sender.send(parcel).is_sent
        assert server.connections == 1
        server.mode = "empty"  # takes one more request, answers nothing and closes
        assert sender.send(parcel).outcome == "connection"
        server.mode = "ok"
        assert sender.send(parcel).is_sent
        sender.close()
    assert server.connections == 3


def test_a_resolver_that_uses_up_the_time_ends_the_sending() -> None:
    seconds = iter([0.0, 11.0, 11.0])  # before the look-up, after it, at the end
    with receiving() as server:
        sender = Sender(may_loop_back=True, hands=1, seconds=lambda: next(seconds))
        assert sender.send(Parcel(server.url, {}, "{}")).outcome == "timeout"
        sender.close()
    assert server.connections == 0


@dataclass(frozen=True)
class Authority:
    """A certificate for `bank.cn`, by an authority of the test's own."""

    ca_file: str
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank.cn")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start.replace(year=2090))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.cn")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = folder / "both.pem"
    both.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return Authority(str(both), context)


@pytest.fixture
def names() -> list[str]:
    """Names that were looked up."""
    return []


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Generator[dict[str, object]]:
    """Lets `bank.cn` be a port of this machine, which no URL can say."""
    place: dict[str, object] = {}

    def checked(url: str, *, may_loop_back: bool) -> Target:
        del may_loop_back
        host = url.removeprefix("https://").rstrip("/")
        return Target("https", host, int(str(place["port"])), "/x", is_loopback=True)

    monkeypatch.setattr(sending, "checked_url", checked)
    return place


@pytest.mark.parametrize(
    ("name", "outcome"), [("bank.cn", "sent"), ("other.cn", "tls")], ids=["its own", "another's"]
)
def test_the_certificate_must_be_the_names_while_the_address_is_the_checked_one(
    name: str, outcome: str, authority: Authority, elsewhere: dict[str, object], names: list[str]
) -> None:
    def resolve(host: str, port: int) -> list[str]:
        del port
        names.append(host)
        # A name that means another address every time it is asked: only the first answer counts.
        return ["127.0.0.1"] if len(names) == 1 else ["10.0.0.1"]

    with receiving(tls=authority.context) as server:
        elsewhere["port"] = server.port
        sender = Sender(ca_file=authority.ca_file, resolve=resolve, limits=UNHURRIED, hands=1)
        reply = sender.send(Parcel(f"https://{name}/", {}, "{}"))
        sender.close()
    assert reply.outcome == outcome
    assert names == [name]
    if reply.is_sent:
        assert server.header("host") == f"bank.cn:{server.port}"


def test_a_certificate_nobody_vouches_for_is_refused(
    authority: Authority, elsewhere: dict[str, object]
) -> None:
    with receiving(tls=authority.context) as server:
        elsewhere["port"] = server.port
        sender = Sender(resolve=lambda *_: ["127.0.0.1"], limits=UNHURRIED, hands=1)
        assert sender.send(Parcel("https://bank.cn/", {}, "{}")).outcome == "tls"
        sender.close()
    assert server.requests == []


def test_a_handshake_that_never_ends_is_cut_off(
    authority: Authority, elsewhere: dict[str, object]
) -> None:
    with receiving("no_handshake", tls=authority.context) as server:
        elsewhere["port"] = server.port
        sender = Sender(resolve=lambda *_: ["127.0.0.1"], limits=SHORT, hands=1)
        assert sender.send(Parcel("https://bank.cn/", {}, "{}")).outcome == "timeout"
        sender.close()


def test_the_next_address_is_tried_where_nobody_answers_at_the_first() -> None:
    with receiving() as server:
        sender = Sender(
            may_loop_back=True,
            resolve=lambda *_: ["::1", "127.0.0.1"],  # we listen on the second alone
            limits=UNHURRIED,
            hands=1,
        )
        reply = sender.send(Parcel(f"http://localhost:{server.port}/", {}, "{}"))
        sender.close()
    assert reply.is_sent
