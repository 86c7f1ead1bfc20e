"""The borders of a pull: endpoint files, the breaker, TLS, persons' data, a killed run, the manual."""

import itertools
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from datetime import timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from features import checking
from features.clock import now_in_shanghai
from features.errors import ProviderError
from features.pull.breaker import Breaker
from features.pull.client import Client, RefusedError
from features.pull.endpoint import BreakerLimits, load_endpoint
from features.pull.pull import PullOrder, pull
from features.run import Run
from features.scope import Purpose
from features.sources import Source
from tests.factories import NOW, USCCS, Desk, write_csv
from tests.providers import PATIENCE, FakeProvider, Request, running
from xinqiao.app import main

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "pull-from-a-provider.md"
MINIMAL = "dataset: invoice_month\nprovider: 税务局\nurl: https://tax.example.cn/share\n"
CONSENT = [
    *("uscc", "event_id", "consent_id", "event", "occurred_at", "grantee", "purpose"),
    *("scopes", "valid_from", "valid_to"),
]
NAME, PHONE = "欧阳娜娜甲", "13800138000"


def endpoint_file(folder: Path, text: str) -> Path:
    path = folder / "endpoint.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_a_file_leaves_out_has_a_default(tmp_path: Path) -> None:
    text = MINIMAL + "mapping: tax.yaml\ntimeouts: {total: 7}\n"
    endpoint = load_endpoint(endpoint_file(tmp_path, text))
    assert endpoint.mapping == str(tmp_path / "tax.yaml")
    assert (endpoint.timeouts.total, endpoint.timeouts.connect) == (7, 5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("url: http://tax.example.cn/share", "plain http is for this machine alone"),
        ("url: ftp://127.0.0.1/share", "use https"),
        ("url: https://user:word@tax.example.cn/share", "no user, password"),
        ("url: https://tax.example.cn/share?key=1", "no user, password, query"),
        ("url: https://", "use https"),
        ("url: https://x.cn/\nauth: {kind: bearer, secret: s}", "'auth.secret' is not a known key"),
        ("url: https://x.cn/\nbreaker: {failures: 0}", "breaker.failures"),
        ("url: https://x.cn/\nconcurrency: 1000", "concurrency"),
    ],
)
def test_an_endpoint_that_is_not_safe_is_refused(
    tmp_path: Path, change: str, sentence: str
) -> None:
    text = "dataset: invoice_month\nprovider: p\n" + change
    with pytest.raises(ProviderError, match=sentence):
        load_endpoint(endpoint_file(tmp_path, text))


def test_a_breaker_lets_one_request_try_after_the_pause() -> None:
    clock = itertools.count()  # one second a look
    breaker = Breaker(BreakerLimits(failures=2, pause_seconds=10), lambda: float(next(clock)))
    breaker.tell(is_up=False)
    breaker.tell(is_up=True)
    breaker.tell(is_up=False)
    assert breaker.allows()  # never two in a row
    breaker.tell(is_up=False)  # second 0: shut until 10
    assert breaker.openings == 1
    looks = [breaker.allows() for _ in range(11)]
    # Seconds 1 to 9 are in the pause; at 10 one may try, and the next waits for its news.
    assert looks == [False] * 9 + [True, False]
    breaker.tell(is_up=True)
    assert [breaker.allows() for _ in range(3)] == [True] * 3


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that signs itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    here = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = now_in_shanghai() - timedelta(days=2)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(made)
        .not_valid_after(made + timedelta(days=9))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, both = folder / "ca.pem", folder / "server.pem"
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + public.read_bytes()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return public, context


@pytest.mark.parametrize(
    ("trust", "mode", "reason"),
    [
        ("tls_ca_file: ca.pem\n", "ok", None),
        ("", "ok", "connection"),
        ("tls_ca_file: ca.pem\n", "drip", "timeout"),
    ],
)
def test_tls_is_checked_against_the_given_authority(
    tmp_path: Path, trust: str, mode: str, reason: str | None
) -> None:
    _, context = certificate(tmp_path)
    asked = {"request_id": "r", "uscc": USCCS[0]}
    with running(FakeProvider(lambda _: [], lambda _: mode), tls=context) as provider:
        if reason == "timeout":
            provider.patience = 3 * PATIENCE
        endpoint = provider.endpoint(tmp_path, trust)
        url = endpoint.url.replace("http://127.0.0.1", "https://localhost")
        client = Client(endpoint.model_copy(update={"url": url}), None, pause=lambda _: None)
        if reason is None:
            assert b'"request_id": "r"' in client.ask(asked)
        else:
            with pytest.raises(RefusedError, match=reason):
                client.ask(asked)
        client.close()


def test_persons_data_of_an_answer_is_never_on_a_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "desk")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    desk.ingest(
        write_csv(tmp_path / "reg.csv", [["uscc", "name"], [USCCS[0], "一厂"]]),
        mapping=desk.identity("reg_basic"),
    )
    seen: list[int] = []
    check_file = checking.check_file

    def look(run: Run, source: Source) -> tuple[int, int]:
        seen.append(plain_bytes(tmp_path))
        return check_file(run, source)

    monkeypatch.setattr(checking, "check_file", look)

    def person(request: Request) -> list[dict[str, object]]:
        return [
            {
                "uscc": request["uscc"],
                "name": "一厂",
                "contact_phone": PHONE,
                "legal_rep_name": NAME,
                "remark": f"{NAME} {PHONE}",  # mapped by nobody
            }
        ]

    mapping = desk.mapping(
        "dataset: reg_basic\nprovider: {name: 市监}\ncolumns:\n  uscc: uscc\n  name: name\n"
        "  contact_phone: contact_phone\n  legal_rep_name: legal_rep_name\n",
        "reg_basic",
    )
    with running(FakeProvider(person)) as provider:
        client = Client(provider.endpoint(tmp_path, dataset="reg_basic"), None)
        report = pull(
            PullOrder(mapping, NOW.date(), Purpose.APPLY),
            client,
            desk.lake,
            desk.vault,
            desk.catalogue,
            clock=lambda: NOW,
            token=lambda: "r1",
        )
        client.close()
    # The register is public, so no consent was needed; the new content took the old row's place.
    assert (report.landed, report.is_clean) == (1, True)
    assert seen == [0]
    assert plain_bytes(tmp_path) == 0
    assert list(scratch.iterdir()) == []


def plain_bytes(folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    contents = [path.read_bytes() for path in files]
    return sum(text.encode() in content for text in (NAME, PHONE) for content in contents)


def fences(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one firm that consented, and the manual's files beside it."""
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    monkeypatch.setenv("TAX_SHARE_SECRET", "between us")
    (tmp_path / "home").mkdir()
    desk = Desk(tmp_path / "home")
    desk.ingest(
        write_csv(tmp_path / "reg.csv", [["uscc", "name"], [USCCS[0], "一厂"]]),
        mapping=desk.identity("reg_basic"),
    )
    said = [USCCS[0], "e", "C1", "granted", "2026-01-02 08:00:00", "platform", "apply", "invoice"]
    path = write_csv(tmp_path / "consent.csv", [CONSENT, [*said, "2026-01-01", "2099-12-31"]])
    desk.ingest(path, mapping=desk.identity("consent_event"))
    endpoint, mapping = fences("yaml")
    (tmp_path / "provider.yaml").write_text(endpoint, encoding="utf-8")
    (tmp_path / "tax.yaml").write_text(mapping, encoding="utf-8")
    return tmp_path


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["xinqiao", *words])
    try:
        return main()
    except SystemExit as ended:
        return int(ended.code or 0)


def test_the_server_of_the_manual_is_pulled_from_and_verified_with(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = fences("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    names: dict[str, object] = {"__name__": "manual"}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    handler = names["Provider"]
    assert isinstance(handler, type)
    monkeypatch.setattr(handler, "log_message", lambda *_: None)  # type: ignore[misc]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        file = home / "provider.yaml"
        text = file.read_text(encoding="utf-8").replace(":8700", f":{server.server_address[1]}")
        file.write_text(text, encoding="utf-8")
        asked = ["verify", str(file), "--uscc", USCCS[0], "--question", "sales_of_year"]
        try:
            assert command(monkeypatch, "pull", str(file)) == 0
            assert (
                "1 firms asked, 1 answers used, 1 records, 1 rows landed" in capsys.readouterr().out
            )
            for value, answer in (("720000", "Confirmed"), ("1", "Denied")):
                monkeypatch.setattr("sys.stdin", StdIn(value))
                assert command(monkeypatch, *asked) == 0
                assert answer in capsys.readouterr().out
        finally:
            server.shutdown()
            thread.join()
    assert [row["answer"] for row in Desk(home / "home").rows("verification_result")] == [
        "yes",
        "no",
    ]


class StdIn:
    """A pipe with one line."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return False

    def readline(self) -> str:
        return self._line + "\n"


def test_declarations_from_the_command(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["declare", "add", USCCS[0], "employees", "42"]
    assert command(monkeypatch, *said) == 2
    assert "has no promise" in capsys.readouterr().err
    promise = ["--promise-signed-on", "2026-01-10", "--promise-version", "2026-1"]
    assert command(monkeypatch, *said, *promise) == 0
    assert command(monkeypatch, "declare", "check") == 0
    assert "Nothing held to compare with: 1" in capsys.readouterr().out


def test_a_killed_pull_leaves_nothing_and_the_next_asks_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(home / "home")
    before = desk.files()
    started: list[subprocess.Popen[bytes]] = []

    def kill(_: Request) -> None:
        if started:
            started.pop().send_signal(signal.SIGKILL)

    with running(FakeProvider(lambda _: [], on_request=kill)) as provider:
        provider.records = lambda request: [
            {"uscc": request["uscc"], "month": "202512", "out_amount": "1", "out_count": 1}
        ]
        provider.endpoint(home, "mapping: tax.yaml\n")
        words = [sys.executable, "-m", "xinqiao", "pull", str(home / "provider.yaml")]
        worker = subprocess.Popen(words, cwd=ROOT, env=dict(os.environ))
        started.append(worker)
        assert worker.wait(60) == -signal.SIGKILL
        assert desk.files() == before
        assert command(monkeypatch, "pull", str(home / "provider.yaml")) == 0
    assert len(provider.requests) == 2
    assert "1 rows landed" in capsys.readouterr().out
