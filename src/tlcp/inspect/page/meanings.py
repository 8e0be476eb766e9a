"""What each field of a message is for, in a sentence: by message and path, or by path alone.

Spec: GB/T 38636-2020 6.4.5
"""

from __future__ import annotations

from tlcp.alerts import Text

__all__ = ["MEANINGS"]

#: "Message path" or "path", or its end, which begins with "."; the longest is taken. Every index is
#: written [].
MEANINGS: dict[str, Text] = {
    "type": Text("which handshake message this is", "握手消息的类型"),
    "length": Text("bytes that follow this header", "消息头之后的字节数"),
    "version": Text("0101 is TLCP 1.1, the only version there is", "0101 即 TLCP 1.1，唯一的版本"),
    "ClientHello random": Text(
        "32 bytes of the client's that never come again: they go into the keys and the signatures",
        "客户端的 32 字节随机数，每次不同；参与密钥导出与签名",
    ),
    "ServerHello random": Text(
        "32 bytes of the server's that never come again: they go into the keys and the signatures",
        "服务端的 32 字节随机数，每次不同；参与密钥导出与签名",
    ),
    "ClientHello session_id": Text(
        "the session that the client wants to resume; empty for a new one",
        "客户端希望恢复的会话；为空表示新建会话",
    ),
    "ServerHello session_id": Text(
        "the client's own id: the session goes on; another: a new session; empty: it cannot be "
        "resumed by id",
        "与客户端所给相同则恢复会话；不同则为新会话；为空则不能凭标识恢复",
    ),
    "cipher_suites": Text(
        "the suites that the client can do, the one it likes best first",
        "客户端支持的密码套件，按偏好排列",
    ),
    "cipher_suites[]": Text(
        "key exchange, cipher and hash in one number", "一个编号代表密钥交换、加密与杂凑算法的组合"
    ),
    "cipher_suite": Text("the suite that the server chose", "服务端选定的密码套件"),
    "compression_methods": Text("0 is no compression, the only one", "0 表示不压缩，唯一取值"),
    "compression_method": Text("0 is no compression", "0 表示不压缩"),
    "extensions": Text(
        "wishes beside the standard's fields (GM/T 0024-2023); old stacks refuse them",
        "附加参数（GM/T 0024-2023）；旧实现会拒绝",
    ),
    "extensions[]": Text("one extension", "一个扩展"),
    "extensions[].type": Text("which extension it is", "扩展类型"),
    "extensions[].data": Text(
        "its content; empty where its presence says it all", "扩展内容；为空时，出现本身即含义"
    ),
    "extensions[].data.names": Text(
        "the host names that the client asks for", "客户端请求的主机名"
    ),
    "extensions[].data.names[]": Text("one name", "一个名称"),
    "extensions[].data.names[].name_type": Text("0 is a host name", "0 表示主机名"),
    "extensions[].data.names[].name": Text("the host that the client wants", "客户端要访问的主机"),
    "extensions[].data.groups": Text("curves that the client can do", "客户端支持的曲线"),
    "extensions[].data.groups[]": Text("41 is the SM2 curve", "41 即 SM2 曲线"),
    "extensions[].data.algorithms": Text(
        "signatures that the client can check", "客户端能验证的签名算法"
    ),
    "extensions[].data.algorithms[]": Text(
        "0708 is SM2 with SM3; some stacks write 0704", "0708 为 SM2-SM3；部分实现写作 0704"
    ),
    "extensions[].data.protocols": Text(
        "application protocols, such as http/1.1 (ALPN)", "应用层协议，如 http/1.1（ALPN）"
    ),
    "extensions[].data.protocols[]": Text("one protocol", "一个协议"),
    "extensions[].data.renegotiated_connection": Text(
        "empty in a first handshake (RFC 5746)", "首次握手时为空（RFC 5746）"
    ),
    "extensions[].data.authorities": Text(
        "CAs that the client trusts", "客户端信任的 CA"
    ),
    "extensions[].data.status_type": Text("1 is OCSP", "1 表示 OCSP"),
    "extensions[].data.identity": Text("an identity of the client", "客户端标识"),
    "certificates": Text(
        "first the signing certificate, then the encryption certificate, then CAs",
        "先签名证书，再加密证书，然后是 CA 证书",
    ),
    "certificates[]": Text("a certificate in DER, its length first", "DER 编码的证书，前为长度"),
    "ServerKeyExchange body": Text(
        "what it holds depends on the suite", "内容取决于密码套件"
    ),
    "ServerKeyExchange body.params": Text(
        "the server's ephemeral key; the signature covers these bytes as they are",
        "服务端临时公钥参数；签名覆盖这些原始字节",
    ),
    "ClientKeyExchange body.params": Text("the client's ephemeral key", "客户端临时公钥参数"),
    "body.params.curve_type": Text("3: a curve with a number", "3 表示命名曲线"),
    "body.params.named_curve": Text(
        "the curve's number; stacks disagree, and it is not checked",
        "曲线编号；各实现取值不一，不作检查",
    ),
    "body.params.point": Text(
        "the ephemeral public key: 04, x, y of a point of the SM2 curve",
        "临时公钥：04 后接 SM2 曲线点的 x、y 坐标",
    ),
    "ServerKeyExchange body.signature": Text(
        "SM2 or RSA signature by the server's signing key: over both randoms and the encryption "
        "certificate (ECC, RSA) or the parameters (ECDHE)",
        "服务端签名私钥的签名：覆盖双方随机数，以及加密证书（ECC、RSA）或密钥交换参数（ECDHE）",
    ),
    "ClientKeyExchange body": Text("what it holds depends on the suite", "内容取决于密码套件"),
    "body.ciphertext": Text(
        "the pre-master secret, encrypted to the server's encryption certificate",
        "用服务端加密证书加密的预主密钥",
    ),
    "certificate_types": Text(
        "kinds of client certificates that the server takes; 64 stands for SM2",
        "服务端接受的客户端证书类型；64 代表 SM2",
    ),
    "certificate_authorities": Text(
        "CAs that the server accepts; empty: any", "服务端接受的 CA；为空表示不限"
    ),
    "certificate_authorities[]": Text("the name of one CA in DER", "一个 CA 的名称（DER）"),
    "CertificateVerify signature": Text(
        "signature by the client's signing key over the handshake so far",
        "客户端签名私钥对此前握手的签名",
    ),
    "verify_data": Text(
        "12 bytes out of the master secret and the hash of all messages before: whoever computes "
        "them has the keys and saw the same messages",
        "由主密钥与此前全部消息的杂凑值算出的 12 字节：能算出者持有密钥且看到相同的消息",
    ),
    "lifetime_s": Text("seconds for which the ticket may be used", "票据有效期（秒）"),
    "ticket": Text(
        "the session, sealed with a key that only the server has", "以服务端私有密钥封装的会话"
    ),
    "status_type": Text("1 is OCSP", "1 表示 OCSP"),
    "response": Text("the OCSP response", "OCSP 响应"),
    "ChangeCipherSpec value": Text(
        "always 1: what follows is encrypted", "恒为 1：此后均加密"
    ),
    "level": Text("1 is a warning, 2 is fatal", "1 为警告，2 为致命"),
    "description": Text("what is wrong, or that the side closes", "报警原因，或宣布关闭"),
    "data": Text("what the application sent", "应用程序发送的数据"),
    ".length": Text("bytes of this field that follow", "本字段其后的字节数"),
    ".header": Text(
        "ASN.1: type (bytes that follow)", "ASN.1 类型（其后字节数）"
    ),
    ".inner_header": Text("the same, of the signature inside", "同上，属于其中的签名值"),
    ".ciphertext.x": Text(
        "C1: x of a fresh point; ASN.1 puts 00 before a first bit of 1",
        "C1 的 x 坐标，每次加密新生成；最高位为 1 时 ASN.1 前补 00",
    ),
    ".ciphertext.y": Text("C1: its y", "C1 的 y 坐标"),
    ".c3": Text(
        "C3: SM3 over secret and content: a change shows", "C3：SM3 校验值，密文被改动即可发现"
    ),
    ".c2": Text("C2: the pre-master secret itself, encrypted", "C2：加密后的预主密钥"),
    ".r": Text("the first number of the signature", "签名值 r"),
    ".s": Text("the second number of the signature", "签名值 s"),
    ".point.form": Text("04: both coordinates follow", "04 表示其后为两个坐标"),
    ".point.x": Text("x of the point", "点的 x 坐标"),
    ".point.y": Text("y of the point", "点的 y 坐标"),
    ".tbs": Text("what the CA signed", "CA 签署的内容"),
    ".tbs.version": Text("v3 has extensions", "版本；v3 可带扩展"),
    ".tbs.serial": Text("no two of one CA are the same", "同一 CA 签发的证书各不相同"),
    ".signature_algorithm": Text("how the CA signed", "CA 的签名算法"),
    ".tbs.signature_algorithm": Text(
        "the same as outside, but signed itself", "与外层相同，但受签名保护"
    ),
    ".oid": Text("its number, the same the world over", "全球统一的对象标识符"),
    ".parameters": Text("what belongs to the algorithm", "算法参数"),
    ".issuer": Text("the CA that signed", "签发者"),
    ".issuer[]": Text("a part of the name", "名称的一部分"),
    ".subject": Text("whose certificate it is", "证书的持有者"),
    ".subject[]": Text("a part of the name", "名称的一部分"),
    ".validity": Text("not before and not after", "有效期的起止"),
    ".not_before": Text("valid from then on", "生效时间"),
    ".not_after": Text("valid until then", "失效时间"),
    ".public_key": Text("the key that the certificate is about", "证书所证明的公钥"),
    ".public_key.algorithm": Text("what kind of key", "公钥的种类"),
    ".public_key.algorithm.parameters": Text("the curve", "所用曲线"),
    ".public_key.point": Text(
        "the key: a point of the curve, or RSA's numbers", "公钥：曲线上的点，或 RSA 的两个数"
    ),
    ".issuer_id": Text("hardly used", "很少使用"),
    ".subject_id": Text("hardly used", "很少使用"),
    ".tbs.extensions": Text("usages, names and rules", "用途、名称与各种限制"),
    ".tbs.extensions[]": Text("one extension", "一个扩展"),
    ".critical": Text("who does not know it must refuse", "TRUE：不认识该扩展者须拒绝"),
    ".value": Text("its content, in ASN.1 again", "扩展内容，仍为 ASN.1 编码"),
    "certificates[].signature": Text("the CA's signature over tbs", "CA 对 tbs 部分的签名"),
    "certificate_authorities[][]": Text("a part of the name", "名称的一部分"),
    "record.type": Text("what the record carries; never encrypted", "记录内容的类型，不加密"),
    "record.version": Text("0101 is TLCP 1.1", "0101 即 TLCP 1.1"),
    "record.length": Text("bytes that follow", "其后的字节数"),
    "record.iv": Text(
        "fresh random bytes for every record, so that equal texts look different",
        "每条记录新生成的随机向量，使相同明文的密文不同",
    ),
    "record.nonce": Text(
        "together with 4 secret bytes the nonce of this record; never used twice",
        "与 4 字节密钥材料组成本记录的 nonce，绝不重复",
    ),
    "record.ciphertext.cbc": Text(
        "content, HMAC and padding, encrypted together with SM4-CBC",
        "内容、HMAC 与填充，整体以 SM4-CBC 加密",
    ),
    "record.ciphertext.etm": Text(
        "content and padding, encrypted with SM4-CBC", "内容与填充，以 SM4-CBC 加密"
    ),
    "record.ciphertext.gcm": Text("the content, encrypted with SM4-GCM", "以 SM4-GCM 加密的内容"),
    "record.ciphertext": Text("the content, encrypted", "加密的内容"),
    "record.tag": Text(
        "16 bytes over content, header and sequence number: any change shows",
        "覆盖内容、记录头与序列号的 16 字节标签，任何改动都会被发现",
    ),
    "record.mac": Text(
        "HMAC over the ciphertext (encrypt-then-MAC)", "对密文的 HMAC（先加密后认证）"
    ),
}  # fmt: skip
