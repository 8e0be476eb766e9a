"""Host names and addresses after a good chain: RFC 9525 6 (and RFC 6125 before it)."""

from __future__ import annotations

from chains.case import Case, Problem
from chains.making import leaf, root

_NAME = "RFC 9525 6.3, DNS names"
_WILD = "RFC 9525 6.3, wildcards"
_ADDRESS = "RFC 9525 6.2, IP addresses"
_IDN = "RFC 9525 6.3, RFC 5890 2.3.2.1: A-labels are compared"
_CN = "RFC 9525 2: the common name is not an identity"

_NO, _NO_IP = Problem.HOSTNAME_MISMATCH, Problem.IP_ADDRESS_MISMATCH

_ROWS: tuple[tuple[str, str, str, Problem | None], ...] = (
    (_NAME, "dns:www.a.example", "www.a.example", None),
    (_NAME, "dns:WWW.a.Example", "www.A.example", None),
    (_NAME, "dns:www.a.example", "www.a.example.", None),
    (_NAME, "dns:www.a.example", "a.example", _NO),
    (_NAME, "dns:a.example", "www.a.example", _NO),
    (_NAME, "dns:a.example", "a.example.evil", _NO),
    (_NAME, "dns:a.example\0.evil", "a.example", _NO),
    (_NAME, "dns:.a.example", "www.a.example", _NO),
    (_NAME, "dns:a.example.", "a.example", _NO),
    (_NAME, "dns:", "a.example", _NO),
    (_NAME, "dns:localhost", "localhost", None),
    (_NAME, "dns:a_b.example", "a_b.example", None),
    (_NAME, "email:x@a.example", "a.example", _NO),
    (_NAME, "uri:https://a.example/", "a.example", _NO),
    (_WILD, "dns:*.a.example", "www.a.example", None),
    (_WILD, "dns:*.a.example", "WWW.A.EXAMPLE", None),
    (_WILD, "dns:*.a.example", "a.example", _NO),
    (_WILD, "dns:*.a.example", "x.www.a.example", _NO),
    (_WILD, "dns:*.*.example", "www.a.example", _NO),
    (_WILD, "dns:www.*.example", "www.a.example", _NO),
    (_WILD, "dns:w*.a.example", "www.a.example", _NO),
    (_WILD, "dns:*w.a.example", "www.a.example", _NO),
    (_WILD, "dns:**.a.example", "www.a.example", _NO),
    (_WILD, "dns:*", "localhost", _NO),
    (_WILD, "dns:*.", "localhost", _NO),
    (_WILD, "dns:*.example", "a.example", _NO),
    (_WILD, "dns:*.2.0.192", "1.2.0.192", _NO_IP),
    (_ADDRESS, "dns:192.0.2.1", "192.0.2.1.", _NO_IP),
    (_ADDRESS, "dns:192.0.2.1", "１９２.0.2.1", _NO_IP),
    (_ADDRESS, "ip:192.0.2.1", "192。0。2。1", None),
    (_WILD, "dns:xn--*.a.example", "xn--fiqs8s.a.example", _NO),
    (_IDN, "dns:xn--fiqs8s.cn", "中国.cn", None),
    (_IDN, "dns:xn--fiqs8s.cn", "xn--fiqs8s.cn", None),
    (_IDN, "dns:XN--FIQS8S.cn", "中国.cn", None),
    (_IDN, "dns:www.xn--fiqs8s.cn", "www。中国。cn", None),
    (_IDN, "dns:xn--strae-oqa.de", "straße.de", None),
    (_IDN, "dns:strasse.de", "straße.de", _NO),
    (_IDN, "dns:xn--bcher-kva.example", "BÜCHER.example", None),
    (_IDN, "dns:xn--fiqs8s.cn", "中國.cn", _NO),
    (_IDN, "dns:*.xn--fiqs8s.cn", "国密.中国.cn", None),
    (_IDN, "dns:*.a.example", "国密.a.example", None),
    (_ADDRESS, "ip:192.0.2.1", "192.0.2.1", None),
    (_ADDRESS, "ip:192.0.2.1", "192.0.2.2", _NO_IP),
    (_ADDRESS, "dns:192.0.2.1", "192.0.2.1", _NO_IP),
    (_ADDRESS, "ip:192.0.2.1", "a.example", _NO),
    (_ADDRESS, "ip:2001:db8::1", "2001:db8::1", None),
    (_ADDRESS, "ip:2001:db8::1", "[2001:0DB8::0:1]", None),
    (_ADDRESS, "ip:2001:db8::1", "2001:db8::2", _NO_IP),
    (_ADDRESS, "ip:192.0.2.1", "::ffff:192.0.2.1", _NO_IP),
    (_ADDRESS, "ip:::ffff:192.0.2.1", "192.0.2.1", _NO_IP),
)

CASES = (
    *(
        Case(f"{name!r} for {host!r}", rule, [root(), leaf(san=(name,))], wanted, host=host)
        for rule, name, host, wanted in _ROWS
    ),
    Case("no subjectAltName, the common name fits", _CN, [root(), leaf(dn="CN=a.example", san=())],
         _NO, host="a.example", text="The common name would match but is not looked at"),
    Case("another subjectAltName, the common name fits", _CN,
         [root(), leaf(dn="CN=a.example", san=("dns:b.example",))], _NO, host="a.example"),
    Case("the address is the common name", _CN,
         [root(), leaf(dn="CN=192.0.2.1", san=("dns:b.example",))], _NO_IP, host="192.0.2.1"),
    Case("the second of two names", _NAME,
         [root(), leaf(san=("dns:b.example", "dns:a.example"))], host="a.example"),
    Case("a name beside an address", _NAME,
         [root(), leaf(san=("ip:192.0.2.1", "dns:a.example"))], host="a.example"),
    Case("an address beside a name", _ADDRESS,
         [root(), leaf(san=("dns:a.example", "ip:192.0.2.1"))], host="192.0.2.1"),
)  # fmt: skip
