"""What a worker of the service is told; its parent writes it into the environment.

The limits are operating choices and have defaults that fit two cores.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from features.clock import now_in_shanghai
from features.errors import Language


@dataclass(frozen=True)
class Settings:
    """One worker's folders, addresses and limits.

    Attributes
    ----------
    home : Path
        `XINQIAO_HOME`: lake, vault, bundles, heads of the record.
    database : str
        Address of the ledger under the role `xinqiao_app`.
    pool_size : int
        Connections a worker may hold.
    pool_wait_seconds, request_seconds : float
        How long a request waits for a connection, and how long it may take in all.
    body_bytes : int
        The largest body that is read.
    in_flight : int
        Requests a worker has in work at once; one more is refused.
    is_https : bool
        Whether people come over TLS: cookies are then `Secure`, and HSTS is sent.
    hosts : tuple of str
        Names in the `Host` header that are this service; empty takes any.
    metrics : Path or None
        Where the workers keep their counts together; None counts in this process alone.
    metrics_secret : str
        Bearer secret that opens `/metrics` from afar; empty opens it on loopback only.
    sealer : str
        Address of the ledger under the role `xinqiao_sealer`; only the upkeep is given it.
    audit_mirror : Path or None
        A second folder for the heads of the record.
    revision : str
        Schema this program was written for; readiness compares it. Empty compares nothing.
    webhooks_to_loopback : bool
        Whether notices may go to this machine, over plain HTTP, too; for demonstrations.
    clock_days : int
        Days by which a demonstration's clock is moved, so that its today is the last day of its data.
    """

    home: Path
    database: str
    language: Language = "zh"
    workers: int = 1
    pool_size: int = 8
    pool_wait_seconds: float = 2.0
    request_seconds: float = 10.0
    body_bytes: int = 1_048_576
    in_flight: int = 64
    is_https: bool = False
    hosts: tuple[str, ...] = ()
    metrics: Path | None = None
    metrics_secret: str = ""
    sealer: str = ""
    audit_mirror: Path | None = None
    revision: str = ""
    webhooks_to_loopback: bool = False
    clock_days: int = 0

    def now(self) -> datetime:
        """Asia/Shanghai wall time, moved by `clock_days`."""
        return now_in_shanghai() + timedelta(days=self.clock_days)


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read what the parent process left for its workers."""
    metrics = environment.get("PROMETHEUS_MULTIPROC_DIR", "")
    mirror = environment.get("XINQIAO_AUDIT_MIRROR", "")
    return Settings(
        home=Path(environment["XINQIAO_HOME"]),
        database=environment["XINQIAO_DATABASE_URL"],
        language="en" if environment.get("XINQIAO_LANG", "zh").startswith("en") else "zh",
        workers=int(environment.get("XINQIAO_WORKERS", "1")),
        is_https=environment.get("XINQIAO_HTTPS", "") == "1",
        hosts=tuple(environment.get("XINQIAO_HOSTS", "").split()),
        metrics=Path(metrics) if metrics else None,
        metrics_secret=environment.get("XINQIAO_METRICS_SECRET", ""),
        sealer=environment.get("XINQIAO_DATABASE_SEALER_URL", ""),
        audit_mirror=Path(mirror) if mirror else None,
        revision=environment.get("XINQIAO_REVISION", ""),
        webhooks_to_loopback=environment.get("XINQIAO_WEBHOOK_LOOPBACK", "") == "1",
        clock_days=int(environment.get("XINQIAO_CLOCK_DAYS", "0")),
    )
