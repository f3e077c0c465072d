"""A small TLS 1.2 server on the loopback with its own CA, for the tests of the network model.

Requests and answers are lines. A line "silent" is not answered, "bye" ends the connection, "twice" is answered in two
pieces with a pause of real time between them.
"""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "switch.test"
_FROM, _TO = datetime.datetime(2000, 1, 1), datetime.datetime(2099, 1, 1)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(1 if ca else 2)
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class TlsServer:
    """`ca_der` is what the client pins; `heard` the lines that came, `on_silent` called when one is not answered."""

    def __init__(self, folder: Path, think_s: float = 0.0) -> None:
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("test CA", ca_key, "test CA", ca_key, ca=True)
        leaf = _certificate(NAME, key, "test CA", ca_key, ca=False)
        self.ca_der = ca.public_bytes(serialization.Encoding.DER)
        pem = folder / "server.pem"
        pem.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self.heard: list[str] = []
        self.on_silent: Callable[[], None] = lambda: None
        self._think_s = think_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = ("127.0.0.1", self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(plain, server_side=True) as secured:
                for raw in secured.makefile("rb"):
                    line = raw.decode().strip()
                    self.heard.append(line)
                    if line == "bye":
                        return
                    if line == "silent":
                        self.on_silent()
                        continue
                    time.sleep(self._think_s)
                    answer = f"re {line}\n".encode()
                    secured.sendall(answer)
                    if line == "twice":
                        time.sleep(0.1)
                        secured.sendall(b"again\n")
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()
