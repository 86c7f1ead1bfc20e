"""What is sent, where to, and when it is due."""

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the service.

    Parameters
    ----------
    status : int
        HTTP status.
    body : bytes
        Without its transfer coding.
    closes : bool
        Whether the service ends the connection after it.
    """

    status: int
    body: bytes
    closes: bool = False


#: Says whether an answer is right. It travels to the generator's process, so it is a function of a
#: module or a `functools.partial` of one.
Check = Callable[[Answer], bool]


def is_success(answer: Answer) -> bool:
    """Check the status alone: any 2xx is right."""
    return 200 <= answer.status < 300  # noqa: PLR2004 - the class of HTTP statuses


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a plan; a plan is an iterable of them.

    Parameters
    ----------
    method : str
        Not HEAD: its answers announce a body they do not have.
    path : str
        With its query, already quoted.
    headers : mapping of str to str
        `Host` and `Content-Length` are added.
    body : bytes
    check : Check
        Runs after the load has ended, so that checking never delays a request.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    check: Check = is_success

    def wire(self, address: "Address") -> bytes:
        """Put the request into the bytes that are sent.

        Raises
        ------
        ValueError
            For HEAD.
        """
        if self.method == "HEAD":
            raise ValueError("The load generator cannot send HEAD; use GET.")
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {address}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + self.body


@dataclass(frozen=True, slots=True)
class Address:
    """A service on this machine."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(url: str) -> Address:
    """Read where a service listens, and refuse any that is not on this machine.

    Raises
    ------
    ValueError
        If the URL is not plain HTTP to a loopback address with a port.

    Examples
    --------
    >>> address_of("http://127.0.0.1:8000")
    Address(host='127.0.0.1', port=8000)
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.port is None or not _is_loopback(parts.hostname or ""):
        raise ValueError(
            f"Load is sent to this machine only: '{url}' is not http:// to a loopback address with "
            "a port; use for example http://127.0.0.1:8000."
        )
    return Address(parts.hostname or "", parts.port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fixed_times(rate: float, seconds: float) -> FloatArray:
    """Due times at equal distances, from 0 [s].

    Examples
    --------
    >>> fixed_times(4, 1).tolist()
    [0.0, 0.25, 0.5, 0.75]
    """
    return np.arange(max(1, round(rate * seconds)), dtype=np.float64) / rate


def poisson_times(rate: float, seconds: float, rng: np.random.Generator) -> FloatArray:
    """Due times of callers who know nothing of each other, from 0 [s].

    The number of requests is fixed at `rate * seconds`, so runs compare; the distances vary.
    """
    gaps = rng.exponential(1 / rate, max(1, round(rate * seconds)))
    return np.cumsum(gaps) - gaps[0]
