"""The bench's private certificate authority: a P-256 CA, and server certificates signed by it.

Terminals check dates with clocks nobody vouches for, and cannot renew a CA in the field without a person: everything
is therefore valid from 2000-01-01 to 2099. The folder is a secret of this bench; it is made on demand and must never
be committed. The terminal gets the CA certificate alone, as DER, the only form its TLS library takes.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEFAULT_FOLDER = Path("build/pki")
DEFAULT_SWITCH_NAME = "switch.vafa.test"  # RFC 6761: "test" never resolves in the public DNS
NOT_BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
NOT_AFTER = datetime.datetime(2099, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)


class PkiError(Exception):
    """The folder holds something that is not a usable CA or server identity."""


@dataclass(frozen=True)
class Identity:
    """Where one CA and the server identity it signed lie, and the name the terminal has to ask for."""

    folder: Path
    switch_name: str

    @property
    def ca_der(self) -> Path:
        return self.folder / "ca.der"

    @property
    def ca_pem(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def server_pem(self) -> Path:
        return self.folder / f"{self.switch_name}.pem"

    @property
    def server_key(self) -> Path:
        return self.folder / f"{self.switch_name}.key.pem"

    def server_context(self, *, ask_clients: bool = False) -> ssl.SSLContext:
        """TLS 1.2 stays allowed: the terminal's Mbed TLS build speaks nothing newer. `ask_clients`: nobody comes in
        without a certificate of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.server_pem, self.server_key)
        except (OSError, ssl.SSLError) as error:
            raise PkiError(f"{self.server_pem} and its key do not form an identity: {error}") from error
        if ask_clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca_pem)
        return context

    def client_context(self) -> ssl.SSLContext:
        """What a client that trusts only this CA uses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca_der.read_bytes())
        return context


def ensure(
    folder: Path | str = DEFAULT_FOLDER,
    switch_name: str = DEFAULT_SWITCH_NAME,
    valid: tuple[datetime.datetime, datetime.datetime] = (NOT_BEFORE, NOT_AFTER),
) -> Identity:
    """The identity in `folder`; what is missing of CA and server certificate is made, the latter `valid` so long."""
    identity = Identity(Path(folder), switch_name)
    identity.folder.mkdir(parents=True, exist_ok=True)
    ca_key_path = identity.folder / "ca.key.pem"
    if not (ca_key_path.exists() and identity.ca_pem.exists() and identity.ca_der.exists()):
        _make_ca(identity, ca_key_path)
    if not (identity.server_pem.exists() and identity.server_key.exists()):
        _make_server(identity, ca_key_path, valid)
    return identity


def issue_client(identity: Identity, terminal_id: str) -> tuple[bytes, bytes]:
    """A certificate for a terminal and its private key, both DER; the key is kept nowhere here."""
    ca_key, ca = _ca(identity, identity.folder / "ca.key.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(terminal_id), ca.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.DER), private


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Vafa bench"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    valid: tuple[datetime.datetime, datetime.datetime] = (NOT_BEFORE, NOT_AFTER),
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _make_ca(identity: Identity, ca_key_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Vafa bench CA")
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # A new CA makes every certificate of the old one worthless.
    identity.server_pem.unlink(missing_ok=True)
    _write_private(ca_key_path, key)
    identity.ca_pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    identity.ca_der.write_bytes(certificate.public_bytes(serialization.Encoding.DER))


def _ca(identity: Identity, ca_key_path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        ca_key = serialization.load_pem_private_key(ca_key_path.read_bytes(), password=None)
        ca = x509.load_pem_x509_certificate(identity.ca_pem.read_bytes())
    except (OSError, ValueError) as error:
        raise PkiError(f"{identity.folder} does not hold a readable CA: {error}") from error
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise PkiError(f"{ca_key_path} is not an elliptic curve key")
    return ca_key, ca


def _make_server(identity: Identity, ca_key_path: Path, valid: tuple[datetime.datetime, datetime.datetime]) -> None:
    ca_key, ca = _ca(identity, ca_key_path)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(identity.switch_name), ca.subject, key.public_key(), valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(identity.switch_name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_private(identity.server_key, key)
    identity.server_pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_private(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # Created unreadable to others, not made so afterwards.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
