"""The bench's CA: what a terminal with an untrusted clock and a DER-only TLS library needs."""

import datetime
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tools.bench_switch.pki import PkiError, ensure


def test_certificates_are_p256_and_valid_for_any_clock(tmp_path):
    identity = ensure(tmp_path, "switch.vafa.test")
    ca = x509.load_der_x509_certificate(identity.ca_der.read_bytes())
    server = x509.load_pem_x509_certificate(identity.server_pem.read_bytes())
    server.verify_directly_issued_by(ca)
    for certificate in (ca, server):
        assert certificate.not_valid_before_utc == datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
        assert certificate.not_valid_after_utc.year == 2099
        assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["switch.vafa.test"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


def test_what_is_there_is_kept_and_keys_are_private(tmp_path):
    first = ensure(tmp_path)
    before = (first.ca_der.read_bytes(), first.server_pem.read_bytes())
    again = ensure(tmp_path)
    assert (again.ca_der.read_bytes(), again.server_pem.read_bytes()) == before
    other = ensure(tmp_path, "second.vafa.test")
    assert other.ca_der.read_bytes() == before[0]
    for key in tmp_path.glob("*.key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_spoilt_folder_is_named_in_the_error(tmp_path):
    ensure(tmp_path).server_pem.unlink()
    (tmp_path / "ca.key.pem").write_text("spoilt")
    with pytest.raises(PkiError, match=str(tmp_path)):
        ensure(tmp_path)
