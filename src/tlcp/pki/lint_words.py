"""What ``lint`` says, in both languages: what is wrong, and what to do.

Each rule has (what, remedy) in English and in Chinese; names in braces are filled in.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["WORDS", "Language"]

Language = Literal["en", "zh"]

#: rule -> ((what, remedy) in English, (what, remedy) in Chinese)
WORDS: Final[dict[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "swapped-certificates": (
        (
            "the two certificates are swapped: {sign}, given for signing, is for {sign_uses}; "
            "{enc}, given for encryption, is for {enc_uses}",
            "exchange the two certificates; each key stays with its certificate",
        ),
        (
            "两张证书放反了：作为签名证书的 {sign} 的用途是 {sign_uses}，"
            "作为加密证书的 {enc} 的用途是 {enc_uses}",
            "把两张证书互换；私钥跟随各自的证书",
        ),
    ),
    "swapped-keys": (
        (
            "the two keys are swapped: {sign_key} belongs to the encryption certificate, {enc_key} "
            "to the signing certificate",
            "exchange the two key files",
        ),
        (
            "两个私钥放反了：{sign_key} 属于加密证书，{enc_key} 属于签名证书",
            "把两个私钥文件互换",
        ),
    ),
    "wrong-key": (
        (
            "{key} is not the key of the {role} certificate {certificate}",
            "give the key that the certificate was issued for, or issue it again",
        ),
        ("{key} 不是 {role} 证书 {certificate} 的私钥", "给出签发该证书时所用的私钥，或重新签发"),
    ),
    "one-key": (
        (
            "both certificates have the same key",
            "issue the encryption certificate for a key of its own: the standard wants two, so "
            "that the one can be escrowed and the other cannot",
        ),
        (
            "两张证书用的是同一个密钥",
            "给加密证书换用自己的密钥：标准要求两个密钥，签名密钥不可托管",
        ),
    ),
    "sign-usage": (
        (
            "the signing certificate {certificate} is for {uses}; needed: {wanted}",
            "issue it with digitalSignature and nonRepudiation, which every stack takes",
        ),
        (
            "签名证书 {certificate} 的用途是 {uses}；需要：{wanted}",
            "以 digitalSignature 和 nonRepudiation 重新签发，各家都接受",
        ),
    ),
    "enc-usage": (
        (
            "the encryption certificate {certificate} is for {uses}; needed: {wanted}",
            "issue it with keyEncipherment, dataEncipherment and keyAgreement, which every stack "
            "takes",
        ),
        (
            "加密证书 {certificate} 的用途是 {uses}；需要：{wanted}",
            "以 keyEncipherment、dataEncipherment 和 keyAgreement 重新签发，各家都接受",
        ),
    ),
    "both-usages": (
        (
            "{certificate} may both sign and encrypt ({uses}): its place in a list cannot be told "
            "by its usage, and a swap goes unnoticed",
            "issue two certificates, each with the usage of its place only",
        ),
        (
            "{certificate} 既可签名又可加密（{uses}）：无法按用途判断它在列表中的位置，"
            "放反了也看不出来",
            "签发两张证书，各自只带本身的用途",
        ),
    ),
    "single-certificate": (
        (
            "there is one certificate only; TLCP wants two, one to sign and one to encrypt",
            "give the other one too, or issue a pair: `tlcp pki issue`",
        ),
        (
            "只有一张证书；TLCP 需要两张，一张签名、一张加密",
            "把另一张也给出，或签发一对：`tlcp pki issue`",
        ),
    ),
    "one-for-both": (
        (
            "the same certificate {certificate} is in both places",
            "issue a pair: `tlcp pki issue`; only Kona, and tlcp when told to, take one for both",
        ),
        (
            "同一张证书 {certificate} 放在了两个位置",
            "签发一对：`tlcp pki issue`；只有 Kona（以及明确允许时的 tlcp）接受一张两用",
        ),
    ),
    "too-many": (
        (
            "there are {count} end certificates; a pair has two",
            "give the files of one pair only",
        ),
        ("有 {count} 张终端证书；一对只有两张", "只给出一对证书的文件"),
    ),
    "enc-last": (
        (
            "in {file} the encryption certificate comes behind the CAs; the order of the standard "
            "is signing, encryption, CAs",
            "put the encryption certificate second; only old TASSL wants it last",
        ),
        (
            "{file} 中加密证书排在 CA 之后；标准的顺序是签名证书、加密证书、CA",
            "把加密证书放在第二位；只有旧版 TASSL 要求放在最后",
        ),
    ),
    "ca-first": (
        (
            "{file} begins with a CA certificate; its first must be the end certificate",
            "put the signing certificate first, then the encryption certificate, then the CAs",
        ),
        (
            "{file} 以 CA 证书开头；第一张必须是终端证书",
            "依次放签名证书、加密证书、CA 证书",
        ),
    ),
    "root-in-list": (
        (
            "{file} holds the root {certificate} behind the end certificate; GmSSL counts it into "
            "the path and refuses the list",
            "take the root out: peers have it already, or must not trust it",
        ),
        (
            "{file} 在终端证书之后带有根证书 {certificate}；GmSSL 会把它计入路径而拒绝整个列表",
            "去掉根证书：对端要么已经有，要么不该信任它",
        ),
    ),
    "empty-ca-list": (
        (
            "{file} holds no CA certificate with a name, so the server's CertificateRequest names "
            "no CA; GmSSL's clients refuse that",
            "give the CA that issued the clients' certificates",
        ),
        (
            "{file} 中没有带名称的 CA 证书，服务器的 CertificateRequest 就没有 CA 名称；"
            "GmSSL 客户端会拒绝",
            "给出签发客户端证书的 CA",
        ),
    ),
    "ca-not-named": (
        (
            "no CA in {file} is the issuer of the last certificate of the list ({issuer}): a GmSSL "
            "client with such a pair refuses the server's CertificateRequest",
            "trust that CA, or send the chain up to the one that is trusted",
        ),
        (
            "{file} 中没有列表最后一张证书的签发者（{issuer}）：持有这种证书的 GmSSL 客户端"
            "会拒绝服务器的 CertificateRequest",
            "信任该 CA，或把链发送到受信任的 CA 为止",
        ),
    ),
    "client-pair": (
        (
            "a GmSSL server takes the second certificate of a client for a CA in the ECC suites",
            "as a client of GmSSL send the signing certificate alone; tlcp's dialects gmssl-3.1 "
            "and gmssl-3.3 do",
        ),
        (
            "在 ECC 套件中 GmSSL 服务器把客户端的第二张证书当作 CA",
            "作为 GmSSL 的客户端时只发送签名证书；tlcp 的方言 gmssl-3.1 和 gmssl-3.3 会这样做",
        ),
    ),
    "depth": (
        (
            "intermediate CAs between the pair and the root: {count}; nginx stops at depth 1, "
            "and so do programs with SSL_CTX_set_verify_depth(1)",
            "set `ssl_verify_depth {depth};` or more on the side that verifies",
        ),
        (
            "在证书与根之间有 {count} 级 CA：nginx 默认深度为 1，调用 SSL_CTX_set_verify_depth(1) "
            "的程序也一样",
            "在验证的一侧设置 `ssl_verify_depth {depth};` 或更大",
        ),
    ),
    "missing-intermediate": (
        (
            "the issuer of {certificate}, {issuer}, is in none of the files",
            "add the intermediate CA to the list; if it is a root that peers trust, give it with "
            "--ca to have it checked",
        ),
        (
            "{certificate} 的签发者 {issuer} 不在任何文件中",
            "把中间 CA 加入列表；如果它是对端信任的根，请用 --ca 给出以便检查",
        ),
    ),
    "bad-signature": (
        (
            "the signature on {certificate} is not by the key of {issuer}, which is in the files",
            "give the CA that issued it: another one has the same name",
        ),
        (
            "{certificate} 上的签名不是文件中 {issuer} 的密钥所签",
            "给出真正签发它的 CA：文件中的是同名的另一个",
        ),
    ),
    "two-subjects": (
        (
            "the two certificates have different subjects: {sign_subject} and {enc_subject}",
            "issue both for one subject",
        ),
        ("两张证书的主体不同：{sign_subject} 与 {enc_subject}", "以同一主体签发两张证书"),
    ),
    "two-names": (
        (
            "the two certificates have different subjectAltNames: {sign_names} and {enc_names}",
            "issue both for the same hosts: gotlcp looks for the host in both, GmSSL compares them",
        ),
        (
            "两张证书的 subjectAltName 不同：{sign_names} 与 {enc_names}",
            "两张证书写入相同的主机名：gotlcp 在两张中都查找主机名，GmSSL 会比较二者",
        ),
    ),
    "two-issuers": (
        (
            "the two certificates have different issuers: {sign_issuer} and {enc_issuer}",
            "have one CA issue both",
        ),
        ("两张证书的签发者不同：{sign_issuer} 与 {enc_issuer}", "由同一个 CA 签发两张证书"),
    ),
    "no-names": (
        (
            "there is no subjectAltName: a server with this pair is refused by clients that check "
            "the host, whatever its common name is",
            "issue a server's pair with its hosts: `tlcp pki issue DIR NAME --host HOST`; a client "
            "needs none",
        ),
        (
            "没有 subjectAltName：用于服务器时，检查主机名的客户端会拒绝，无论 CN 是什么",
            "为服务器证书写入主机名：`tlcp pki issue DIR NAME --host HOST`；客户端证书不需要",
        ),
    ),
    "unmatched-name": (
        (
            "{certificate} has the host name {name}, and {who}: {why}",
            "issue a server's pair with the names and addresses that clients use: `tlcp pki issue "
            "DIR NAME --host HOST`; a client needs none",
        ),
        (
            "{certificate} 中有主机名 {name}，{who}：{why}",
            "为服务器证书写入客户端实际使用的名称和地址：`tlcp pki issue DIR NAME --host HOST`；"
            "客户端证书不需要",
        ),
    ),
    "purpose": (
        (
            "the {role} certificate {certificate} has an extendedKeyUsage without {missing}",
            "issue it with serverAuth and clientAuth, or without extendedKeyUsage",
        ),
        (
            "{role} 证书 {certificate} 的 extendedKeyUsage 中没有 {missing}",
            "以 serverAuth 和 clientAuth 签发，或不带 extendedKeyUsage",
        ),
    ),
    "empty-constraints": (
        (
            "the {role} certificate {certificate} has a basicConstraints extension that says "
            "nothing; GmSSL refuses that",
            "issue it without basicConstraints",
        ),
        (
            "{role} 证书 {certificate} 带有空的 basicConstraints 扩展；GmSSL 会拒绝",
            "签发时不带 basicConstraints",
        ),
    ),
    "end-is-ca": (
        (
            "{certificate}, in the place of the {role} certificate, is a CA certificate",
            "issue an end certificate with it, and give that",
        ),
        ("处于 {role} 证书位置的 {certificate} 是 CA 证书", "用它签发终端证书，然后使用终端证书"),
    ),
    "not-a-ca": (
        (
            "{certificate} is in the chain and is no CA: {why}",
            "issue the CA with a critical basicConstraints CA:TRUE, keyCertSign and cRLSign",
        ),
        (
            "链中的 {certificate} 不是 CA：{why}",
            "签发 CA 证书时带关键的 basicConstraints CA:TRUE、keyCertSign 和 cRLSign",
        ),
    ),
    "ca-constraints-not-critical": (
        (
            "the basicConstraints of the CA {certificate} are not critical",
            "issue the CA with a critical basicConstraints (RFC 5280 4.2.1.9)",
        ),
        (
            "CA {certificate} 的 basicConstraints 不是关键扩展",
            "签发 CA 时把 basicConstraints 设为关键扩展（RFC 5280 4.2.1.9）",
        ),
    ),
    "not-sm2": (
        (
            "the {role} certificate {certificate} has a key of the kind {kind}; only the RSA "
            "suites of Tongsuo and tlcp can use an RSA pair",
            "issue the pair for SM2 keys",
        ),
        (
            "{role} 证书 {certificate} 的密钥类型是 {kind}；"
            "只有 Tongsuo 和 tlcp 的 RSA 套件能用 RSA 证书",
            "以 SM2 密钥签发",
        ),
    ),
    "not-sm3": (
        (
            "{certificate} is signed with {algorithm}; expected SM2 with SM3",
            "have it issued by an SM2 CA",
        ),
        ("{certificate} 的签名算法是 {algorithm}；应为 SM2 with SM3", "由 SM2 CA 签发"),
    ),
    "expired": (
        ("{certificate} expired on {when}", "renew it: `tlcp pki renew DIR NAME`"),
        ("{certificate} 已于 {when} 过期", "续期：`tlcp pki renew DIR NAME`"),
    ),
    "not-yet-valid": (
        ("{certificate} is valid from {when} only", "wait, or set the clock right"),
        ("{certificate} 自 {when} 起才有效", "等待，或校正时钟"),
    ),
    "key-form": (
        (
            "{key} holds the key as {form}: {who}",
            "`tlcp pki bundle --for {stack}` writes it as that stack reads it",
        ),
        ("{key} 是 {form} 私钥：{who}", "`tlcp pki bundle --for {stack}` 会写成该实现能读的形式"),
    ),
}
