"""`xinqiao serve`: the ledger, the workers and the upkeep, until it is told to stop."""

import http.client
import os
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated

import typer

from features.clock import now_in_shanghai
from serving.accepting import Holdings
from serving.database.addresses import VARIABLES, Addresses, given_addresses
from serving.database.embedded import embedded
from serving.database.migrate import newest, require_current, upgrade
from serving.errors import ServiceStartError
from serving.observe.log import make_log
from serving.observe.meters import forget_process
from serving.supervisor import Part, Supervisor
from xinqiao.console import show
from xinqiao.settings import Settings, environment, load_settings

HELP = """启动服务：数据库、工作进程与后台维护。 Serve: the ledger, one worker a core, and the upkeep.

例 Example: xinqiao serve --port 8000 --workers 2
"""
_BACKLOG = 1024
_READY_SECONDS = 60.0


def serve(
    host: Annotated[str, typer.Option(help="监听地址 · address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口 · port; 0: any")] = 8000,
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="工作进程数；0 为核数 · 0: one a core")
    ] = 0,
    migrate: Annotated[  # noqa: FBT002 - a switch of the command line
        bool,
        typer.Option("--migrate/--no-migrate", help="升级数据库结构 · bring the schema forward"),
    ] = True,
    today: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="演示时钟：把今天当作这一天 · a demonstration's today"
        ),
    ] = None,
) -> None:
    """See `HELP`."""
    run_service(
        Manner(host, port, workers or os.cpu_count() or 1, today.date() if today else None),
        migrate=migrate,
    )


@dataclass(frozen=True)
class Manner:
    """How to serve; `today` is given for data that end on an earlier day, the clock is moved there."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    today: date | None = None

    @property
    def clock_days(self) -> int:
        """Days from the real clock to the service's."""
        return (self.today - now_in_shanghai().date()).days if self.today else 0


def run_service(manner: Manner, *, migrate: bool = True) -> None:
    """Serve until told to stop.

    Raises
    ------
    ServiceStartError, SchemaError
        If it cannot listen, write, or the ledger is of another version.
    """
    settings = load_settings()
    metrics = _prepare(settings.home)
    with (
        _listen(manner.host, manner.port) as listening,
        _ledger(settings) as addresses,
        TemporaryFile() as holdings,
    ):
        if migrate:
            upgrade(addresses.owner)
        require_current(addresses.app)
        _run(settings, listening, addresses, manner, metrics, holdings)


def _run(
    settings: Settings,
    listening: socket.socket,
    addresses: Addresses,
    manner: Manner,
    metrics: Path,
    holdings: IO[bytes],
) -> None:
    count = manner.workers
    worker = _environment(settings, addresses, count, metrics)
    worker["XINQIAO_CLOCK_DAYS"] = str(manner.clock_days)
    upkeep = {**worker, VARIABLES["sealer"]: addresses.sealer}
    parts = _workers(count, worker, listening, holdings)
    parts.append(Part("upkeep", "serving.maintenance", [], upkeep))
    host, port = listening.getsockname()[:2]

    def told() -> None:
        _await_answer(host, port, worker.get("XINQIAO_HOSTS", ""))
        show(
            f"服务已启动：http://{host}:{port}（{count} 个工作进程），接口文档见 /docs",
            f"serving at http://{host}:{port} with {count} workers; the API is described at /docs",
        )

    Supervisor(
        parts,
        make_log(),
        on_death=lambda number: forget_process(number, metrics),
        before_stop=listening.close,
    ).run(told)


def _workers(
    count: int, environment: Mapping[str, str], listening: socket.socket, holdings: IO[bytes]
) -> list[Part]:
    """The workers: each is given the socket they share, and its place in the file of what each holds."""
    holdings.write(Holdings.of_nobody(count))
    holdings.flush()
    given = [listening.fileno(), holdings.fileno()]
    return [
        Part("worker", "serving.worker", [*map(str, given), str(place)], environment, given)
        for place in range(count)
    ]


def _environment(
    settings: Settings, addresses: Addresses, count: int, metrics: Path
) -> dict[str, str]:
    """A worker's whole environment: of the ledger's addresses it is given its own alone."""
    kept = {name: value for name, value in environment().items() if name not in VARIABLES.values()}
    return kept | {
        "XINQIAO_HOME": str(settings.home),
        "XINQIAO_WORKERS": str(count),
        "XINQIAO_REVISION": newest() or "",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        VARIABLES["app"]: addresses.app,
    }


def _ledger(settings: Settings) -> AbstractContextManager[Addresses]:
    """The private server, or the one whose addresses were set."""
    given = given_addresses(environment())
    return nullcontext(given) if given else embedded(settings.home / "database")


def _prepare(home: Path) -> Path:
    """Make the folder of this run; counts of an earlier run are swept away."""
    metrics = home / "run" / "metrics"
    try:
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(parents=True, mode=0o700)
    except OSError as failed:
        raise ServiceStartError(
            en=f"The service cannot write in {home}: {failed.strerror}. Set XINQIAO_HOME to a folder that it may write in.",
            zh=f"服务无法写入 {home}：{failed.strerror}。请将 XINQIAO_HOME 设为可写的文件夹。",
        ) from failed
    return metrics


def _listen(host: str, port: int) -> socket.socket:
    """The socket that all workers accept from; it is open before anything else is started."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as failed:
        raise ServiceStartError(
            en=f"The service cannot listen on {host} port {port}: {failed.strerror}. Choose another with --host and --port.",
            zh=f"无法监听 {host} 端口 {port}：{failed.strerror}。请用 --host、--port 另选。",
        ) from failed
    return listening


def _await_answer(host: str, port: int, hosts: str) -> None:
    """Return when a worker answers; a service that is slow to start is said to serve when it does."""
    named = {"Host": hosts.split(maxsplit=1)[0]} if hosts.split() else {}
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection(near, port, timeout=2)
        try:
            connection.request("GET", "/healthz", headers=named)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
        finally:
            connection.close()
