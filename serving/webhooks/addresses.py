"""Where a notice may go: a public host by its name, over TLS; and to no other address than was checked.

An institution names the address, and our own network is behind us when we call it. So a host is a plain
name in lower-case letters (an address in any spelling is refused), every address the name leads to must
be public, and the connection goes to one of those very addresses: what the name means a moment later
does not count.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from serving.webhooks.errors import AddressRefusedError
from serving.webhooks.rules import Addresses, load_rules

#: Printable ASCII without what only confuses: quotes, angle brackets, backslash, braces.
_PLAIN = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_NAME = 253
_HTTPS = 443
_LOOPBACK = frozenset({"127.0.0.1", "[::1]", "localhost"})

Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Target:
    """A checked URL in parts.

    Attributes
    ----------
    host : str
        Name without brackets.
    is_loopback : bool
        This machine, allowed for demonstrations and tests alone.
    """

    scheme: str
    host: str
    port: int
    path: str
    is_loopback: bool

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        usual = _HTTPS if self.scheme == "https" else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == usual else f"{host}:{self.port}"


def checked_url(url: str, *, may_loop_back: bool = False) -> Target:
    """Take a URL apart, or say why no notice goes there.

    Parameters
    ----------
    may_loop_back : bool
        Whether this machine is allowed, over plain HTTP and any port, too.

    Raises
    ------
    AddressRefusedError
        `url_malformed`, `scheme`, `user_info`, `query`, `host`, `host_closed` or `port`.

    Examples
    --------
    >>> checked_url("https://bank.cn/notices").authority
    'bank.cn'
    >>> checked_url("https://2130706433/")
    Traceback (most recent call last):
    ...
    serving.webhooks.errors.AddressRefusedError: ...
    """
    rules = load_rules().addresses
    if len(url) > rules.longest_url or not _PLAIN.fullmatch(url):
        raise _refused("url_malformed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _refused("url_malformed") from None
    if "@" in parts.netloc:
        raise _refused("user_info")
    if "?" in url or "#" in url:
        raise _refused("query")
    shown = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    if may_loop_back and shown in _LOOPBACK and parts.scheme in {"http", "https"}:
        usual = _HTTPS if parts.scheme == "https" else 80
        return Target(parts.scheme, shown.strip("[]"), port or usual, parts.path or "/", True)  # noqa: FBT003 - named in the class
    if parts.scheme != "https":
        raise _refused("scheme")
    _require_public_name(shown, rules)
    if (port or _HTTPS) not in rules.ports:
        raise _refused("port")
    return Target("https", shown, port or _HTTPS, parts.path or "/", False)  # noqa: FBT003 - as above


def checked_addresses(target: Target, resolve: Resolve) -> list[str]:
    """The addresses of a target, every one of which is open.

    Raises
    ------
    AddressRefusedError
        `address_closed` if any is not public; `name_unknown` if there is none.
    """
    try:
        found = list(dict.fromkeys(resolve(target.host, target.port)))
    except OSError:
        raise _refused("name_unknown") from None
    if not found:
        raise _refused("name_unknown")
    rules = load_rules().addresses
    for address in found:
        if is_closed(address, rules) and not (target.is_loopback and _is_loopback(address)):
            raise _refused("address_closed")
    return found


def is_closed(address: str, rules: Addresses) -> bool:
    """Whether an address is anything but one host of the public network; also if it cannot be read."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return True
    return not known.is_global or any(
        known in network for network in rules.networks if network.version == known.version
    )


def look_up(host: str, port: int) -> list[str]:
    """What the machine's resolver says.

    Raises
    ------
    OSError
        If it knows no such name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def _require_public_name(host: str, rules: Addresses) -> None:
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise _refused("host")
    if any(host == name or host.endswith(f".{name}") for name in rules.closed_names):
        raise _refused("host_closed")


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


_WHY = {
    "url_malformed": ("it is not a plain URL", "格式不正确"),
    "scheme": ("it does not begin with https://", "必须以 https:// 开头"),
    "user_info": ("it holds a user or password", "不得包含用户名或密码"),
    "query": ("it holds a query or fragment", "不得包含查询参数或片段"),
    "host": (
        "its host is not a public name in lower-case letters; an address instead of a name is not taken",
        "主机须为小写的公网域名，不接受 IP 地址",
    ),
    "host_closed": ("its host belongs to a private network", "主机属于内部网络"),
    "port": ("its port is neither 443 nor 8443", "端口须为 443 或 8443"),
    "name_unknown": ("no address is known for its host", "主机无法解析"),
    "address_closed": (
        "its host leads to an address that is not public",
        "主机解析到非公网地址",
    ),
}


def _refused(reason: str) -> AddressRefusedError:
    en, zh = _WHY[reason]
    return AddressRefusedError(
        reason,
        en=f"No notice can go to this URL: {en}. Give https://<name>/<path> of a server that the internet reaches.",
        zh=f"无法向该地址推送：{zh}。请提供互联网可访问的 https://<域名>/<路径>。",
    )
