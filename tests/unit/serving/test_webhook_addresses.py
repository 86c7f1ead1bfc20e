"""Every way we know of to make the service call its own network, refused."""

import socket

import pytest

from serving.webhooks.addresses import checked_addresses, checked_url, is_closed, look_up
from serving.webhooks.errors import AddressRefusedError
from serving.webhooks.rules import load_rules

#: By class of trick: (code of the refusal, URLs).
REFUSED_URLS = {
    "another scheme": (
        "scheme",
        [
            "http://bank.cn/x",
            "ftp://bank.cn/x",
            "file:///etc/passwd",
            "gopher://bank.cn:443/_x",
            "dict://bank.cn:443/x",
            "ldap://bank.cn/x",
            "javascript:alert(1)",
            "data:text/plain,x",
            "unix:/run/x.sock",
            "ws://bank.cn/x",
            "//bank.cn/x",
            "bank.cn/x",
        ],
    ),
    "user info": (
        "user_info",
        [
            "https://user@bank.cn/",
            "https://user:word@bank.cn/",
            "https://bank.cn:443@127.0.0.1/",
            "https://bank.cn%2f@127.0.0.1/",
            "https://@bank.cn/",
        ],
    ),
    "query or fragment": (
        "query",
        [
            "https://bank.cn/x?to=1",
            "https://bank.cn/x?",
            "https://bank.cn/x#y",
            "https://bank.cn#.x.cn/",
        ],
    ),
    "an address, dotted": (
        "host",
        [
            "https://127.0.0.1/",
            "https://10.0.0.1/",
            "https://169.254.169.254/",
            "https://8.8.8.8/",
            "https://127.0.0.1./",
        ],
    ),
    "an address, decimal": (
        "host",
        ["https://2130706433/", "https://2852039166/", "https://4294967295/"],
    ),
    "an address, octal": (
        "host",
        ["https://0177.0.0.1/", "https://017700000001/", "https://0000177.0.0.01/"],
    ),
    "an address, hexadecimal": (
        "host",
        [
            "https://0x7f.0.0.1/",
            "https://0x7f000001/",
            "https://0x7F.0x0.0x0.0x1/",
            "https://0xa9fea9fe/",
        ],
    ),
    "an address, shortened": (
        "host",
        ["https://127.1/", "https://127.0.1/", "https://10.1/", "https://0/", "https://0.0.0.0/"],
    ),
    "an address, IPv6": (
        "host",
        [
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[fe80::1]/",
            "https://[fe80::1%25eth0]/",
            "https://[fd00:ec2::254]/",
            "https://[2606:4700::1111]/",
        ],
    ),
    "this machine by name": (
        "host_closed",
        [
            "https://a.localhost/",
            "https://a.b.localhost/",
            "https://bank.local/",
            "https://metadata.google.internal/",
        ],
    ),
    "a private network by name": (
        "host_closed",
        [
            "https://server.lan/",
            "https://wiki.corp/",
            "https://nas.home/",
            "https://router.home.arpa/",
            "https://x.intranet/",
            "https://x.private/",
            "https://1.0.0.127.in-addr.arpa/",
            "https://x.onion/",
        ],
    ),
    "no name at all": (
        "host",
        [
            "https://localhost/",
            "https://intranet/",
            "https:///x",
            "https://./",
            "https://.cn/",
            "https://bank..cn/",
            "https://bank.cn./",
        ],
    ),
    "a name that is none": (
        "host",
        [
            "https://LOCALHOST.cn/",
            "https://bank_1.cn/",
            "https://-bank.cn/",
            "https://bank-.cn/",
            "https://bank.c%6e/",
            "https://%6c%6f%63alhost/",
            f"https://{'a' * 64}.cn/",
            f"https://{'a.' * 130}cn/",
        ],
    ),
    "look-alikes of localhost": (
        "url_malformed",
        [
            "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
            "https://loc\u0430lhost/",
            "https://localhost\u3002/",
            "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
            "https://127\u30020\u30020\u30021/",
            "https://bank\u2024cn/",
            "https://\u94f6\u884c.cn/",
            "https://loc\u00adalhost/",
        ],
    ),
    "line breaks and blanks": (
        "url_malformed",
        [
            "https://bank.cn/\r\nHost: 127.0.0.1",
            "https://bank.cn/\nx",
            "https://bank.cn/\tx",
            "https://bank.cn /",
            " https://bank.cn/",
            "https://bank.cn/\x00",
            "https://bank.cn\r\n.x.cn/",
            "ht\ntps://bank.cn/",
        ],
    ),
    "back slashes and brackets": (
        "url_malformed",
        [
            "https://bank.cn\\@127.0.0.1/",
            "https:\\\\127.0.0.1/",
            "https://bank.cn/<x>",
            "https://{bank}.cn/",
            "https://[::1/",
            "https://bank.cn:port/",
        ],
    ),
    "another port": (
        "port",
        [
            "https://bank.cn:22/",
            "https://bank.cn:80/",
            "https://bank.cn:5432/",
            "https://bank.cn:6379/",
            "https://bank.cn:65535/",
        ],
    ),
    "a port that is none": ("url_malformed", ["https://bank.cn:99999/", "https://bank.cn:-1/"]),
    "endless": ("url_malformed", ["https://bank.cn/" + "a" * 600, ""]),
}
#: By class of network: addresses that a name may lead to.
CLOSED = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "this network": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104 - refused
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "unique local": ["fc00::1", "fd12:3456::1"],
    "link-local": ["169.254.1.1", "fe80::1", "fe80::1%eth0"],
    "metadata": [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
    ],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "broadcast and reserved": ["255.255.255.255", "240.0.0.1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarking": ["198.18.0.1", "198.19.255.255"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8"],
    "IPv4-compatible": ["::127.0.0.1", "::7f00:1"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1"],
    "Teredo": ["2001::1", "2001:0:4136:e378::1"],
    "site-local": ["fec0::1"],
    "discard and segment routing": ["100::1", "5f00::1"],
    "unreadable": ["", "127.1", "0x7f.0.0.1", "localhost"],
}


@pytest.mark.parametrize(
    ("reason", "url"),
    [(reason, url) for reason, urls in REFUSED_URLS.values() for url in urls],
)
def test_a_url_is_refused(reason: str, url: str) -> None:
    with pytest.raises(AddressRefusedError, match="No notice can go to this URL") as refused:
        checked_url(url)
    assert refused.value.reason == reason


@pytest.mark.parametrize("address", [one for listed in CLOSED.values() for one in listed])
def test_a_name_that_leads_there_is_refused(address: str) -> None:
    assert is_closed(address, load_rules().addresses)
    target = checked_url("https://bank.cn/x")
    for found in ([address], ["93.184.215.14", address]):  # one closed address closes them all
        with pytest.raises(AddressRefusedError, match="not public") as refused:
            checked_addresses(target, lambda *_, found=found: found)
        assert refused.value.reason == "address_closed"


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "1.1.1.1",
        "172.15.255.255",
        "172.32.0.0",
        "100.128.0.0",
        "2606:4700:4700::1111",
    ],
)
def test_public_addresses_are_open_up_to_the_edge_of_the_closed_ones(address: str) -> None:
    assert checked_addresses(checked_url("https://bank.cn/x"), lambda *_: [address]) == [address]


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://bank.cn", "bank.cn", "/"),
        ("https://bank.cn/a/b", "bank.cn", "/a/b"),
        ("https://bank.cn:443/", "bank.cn", "/"),
        ("https://hooks.bank.com.cn:8443/x", "hooks.bank.com.cn:8443", "/x"),
        ("https://xn--fiqs8s.xn--fiqs8s/x", "xn--fiqs8s.xn--fiqs8s", "/x"),
    ],
)
def test_a_public_name_over_tls_is_taken(url: str, authority: str, path: str) -> None:
    target = checked_url(url)
    assert (target.scheme, target.authority, target.path) == ("https", authority, path)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/x", "http://localhost:8000/", "https://[::1]:9443/"]
)
def test_this_machine_is_taken_where_that_is_allowed_alone(url: str) -> None:
    assert checked_url(url, may_loop_back=True).is_loopback
    with pytest.raises(AddressRefusedError, match="No notice can go"):
        checked_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://10.0.0.1/",
        "http://bank.cn/",
        "http://127.1/",
        "https://169.254.169.254/",
    ],
)
def test_allowing_this_machine_allows_nothing_else(url: str) -> None:
    with pytest.raises(AddressRefusedError, match="No notice can go"):
        checked_url(url, may_loop_back=True)


def test_localhost_that_leads_elsewhere_is_refused() -> None:
    target = checked_url("http://localhost:8000/", may_loop_back=True)
    with pytest.raises(AddressRefusedError, match="not public"):
        checked_addresses(target, lambda *_: ["10.0.0.1"])


@pytest.mark.parametrize("found", [None, []])
def test_a_name_nobody_knows(found: list[str] | None) -> None:
    def resolve(host: str, port: int) -> list[str]:
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return found

    with pytest.raises(AddressRefusedError, match="no address is known"):
        checked_addresses(checked_url("https://bank.cn/"), resolve)


def test_the_machine_knows_itself() -> None:
    assert look_up("127.0.0.1", 443) == ["127.0.0.1"]
