"""How fast each caller may ask, counted for all workers together.

A caller has one number in a memory-mapped file: the instant at which all it has asked so far would
have been due at its rate (GCRA). A lock on the number's eight bytes makes reading and writing it one
step; the system releases the lock of a worker that dies.
"""

import fcntl
import hashlib
import ipaddress
import math
import mmap
import os
import secrets
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from serving.access.callers import Caller, Role
from serving.auth.rules import Rate, load_rules
from serving.errors import TooManyRequestsError

_MAGIC = b"xinqiao rates 1\0"
_KEY_BYTES = 16
_HEADER = 64
_NUMBER = struct.Struct("=d")
_EPOCH = datetime(2020, 1, 1)
#: Numbers kept for each kind of caller; above it two callers share one. The file is sparse.
_CLIENTS, _PEOPLE, _ADDRESSES = 1 << 16, 1 << 20, 1 << 14


@dataclass(frozen=True)
class Verdict:
    """What the counting says: when all asked so far is due, and how long to wait (0: none)."""

    due: float
    wait_seconds: float


def count(due: float, now: float, rate: Rate) -> Verdict:
    """Generic cell rate algorithm over one number.

    Parameters
    ----------
    due : float
        When all that was asked is due [s]; 0 for a caller never seen.
    now : float
        Same clock [s]. If it was set back, `due` can lie further ahead than a burst; then the caller
        is treated as one whose next request is just allowed, never as one to be kept out.

    Examples
    --------
    >>> slow = Rate(rate_per_second=1, burst=2)
    >>> count(0.0, 100.0, slow)
    Verdict(due=101.0, wait_seconds=0.0)
    >>> count(102.0, 100.0, slow)
    Verdict(due=102.0, wait_seconds=1.0)
    """
    each = 1.0 / rate.rate_per_second
    ahead = (rate.burst - 1) * each
    start = max(due, now) if due <= now + ahead + each else now + ahead
    wait = start - now - ahead
    # Sums of seconds carry rounding of some 1e-8 s; a wait that short is none.
    if wait > 1e-6:  # noqa: PLR2004 - explained above
        return Verdict(due, wait)
    return Verdict(start + each, 0.0)


class RateLimits:
    """Numbers of all callers in one file that every worker maps.

    Parameters
    ----------
    path : Path
        Made on first use; losing it forgets what was counted, nothing else.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = _HEADER + _NUMBER.size * (_CLIENTS + _PEOPLE + _ADDRESSES)
        with self._locked(0, _HEADER):
            if os.pread(self._file, len(_MAGIC), 0) != _MAGIC:
                os.ftruncate(self._file, 0)
                os.ftruncate(self._file, size)
                os.pwrite(self._file, secrets.token_bytes(_KEY_BYTES), len(_MAGIC))
                os.pwrite(self._file, _MAGIC, 0)
        self._map = mmap.mmap(self._file, size)
        self._key = bytes(self._map[len(_MAGIC) : len(_MAGIC) + _KEY_BYTES])

    def take(self, caller: Caller, now: datetime, address: str = "") -> None:
        """Count one request, or refuse it.

        Parameters
        ----------
        address : str
            Where an anonymous caller comes from; only a keyed hash of it chooses the number.

        Raises
        ------
        TooManyRequestsError
            With the seconds after which the next request will be allowed.
        """
        place, rate = self._place(caller, address)
        with self._locked(place, _NUMBER.size):
            (due,) = _NUMBER.unpack_from(self._map, place)
            verdict = count(due, (now - _EPOCH).total_seconds(), rate)
            _NUMBER.pack_into(self._map, place, verdict.due)
        if verdict.wait_seconds:
            raise _too_fast(verdict.wait_seconds, rate)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        os.close(self._file)

    def _place(self, caller: Caller, address: str) -> tuple[int, Rate]:
        if caller.role is Role.ANONYMOUS:
            hashed = hashlib.blake2b(_network(address), key=self._key, digest_size=8).digest()
            slot = _CLIENTS + _PEOPLE + int.from_bytes(hashed) % _ADDRESSES
            return _HEADER + _NUMBER.size * slot, load_rules().rates.anonymous
        rate = Rate.model_construct(rate_per_second=caller.rate_per_second, burst=caller.burst)
        is_client = caller.role is Role.CLIENT
        slot = caller.number % _CLIENTS if is_client else _CLIENTS + caller.number % _PEOPLE
        return _HEADER + _NUMBER.size * slot, rate

    @contextmanager
    def _locked(self, start: int, length: int) -> Generator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX, length, start)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, length, start)


def _network(address: str) -> bytes:
    """The address, or of IPv6 the network of /64 that one household or host commonly holds."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address.encode()
    return known.packed if known.version == 4 else known.packed[:8]  # noqa: PLR2004 - IPv4


def _too_fast(wait_seconds: float, rate: Rate) -> TooManyRequestsError:
    seconds = max(1, math.ceil(wait_seconds))
    return TooManyRequestsError(
        en=f"Faster than {rate.rate_per_second:g} requests a second after a burst of {rate.burst}. "
        f"Ask again in {seconds} s.",
        zh=f"请求过快：每秒最多 {rate.rate_per_second:g} 次、突发最多 {rate.burst} 次；请 {seconds} 秒后重试。",
        details={"retry_after_seconds": seconds},
    )
