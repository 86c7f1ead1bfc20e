"""What a worker of the service is told; its parent writes it into the environment.

The limits are operating choices and have defaults that fit two cores.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    is_https : bool
        Whether people come over TLS: cookies are then `Secure`, and HSTS is sent.
    """

    home: Path
    database: str
    language: Language = "zh"
    workers: int = 1
    pool_size: int = 8
    pool_wait_seconds: float = 2.0
    request_seconds: float = 10.0
    body_bytes: int = 1_048_576
    is_https: bool = False


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read what the parent process left for its workers."""
    return Settings(
        home=Path(environment["XINQIAO_HOME"]),
        database=environment["XINQIAO_DATABASE_URL"],
        language="en" if environment.get("XINQIAO_LANG", "zh").startswith("en") else "zh",
        workers=int(environment.get("XINQIAO_WORKERS", "1")),
        is_https=environment.get("XINQIAO_HTTPS", "") == "1",
    )
