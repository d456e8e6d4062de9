"""A provider's certificate is verified: by whom, for which name, and until when it is signed."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ipyauth_magic.errors import ProviderError
from ipyauth_magic.provider import http as http_module
from ipyauth_magic.provider.http import fetch_json
from tests.support.http_server import QuietHandler, QuietServer, running

HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("elsewhere.test")
DAY = timedelta(days=1)


class Answering(QuietHandler):
    """Answers each request with an empty JSON object."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


@contextmanager
def served(folder: Path, name: x509.GeneralName, ends_in: timedelta) -> Iterator[str]:
    """Serve with a certificate for *name*; give its URL. *folder* gets the certificate, `ca.pem`, to be trusted."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "provider")])
    builder = x509.CertificateBuilder().subject_name(own).issuer_name(own).public_key(key.public_key()).serial_number(1)
    now = datetime.now(UTC)
    builder = builder.not_valid_before(now - 3 * DAY).not_valid_after(now + ends_in)
    builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "server.pem").write_bytes(certificate + key.private_bytes(serialization.Encoding.PEM, pkcs8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    server = QuietServer(Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with running(server):
        yield f"https://127.0.0.1:{server.port}/"


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take loopback for another machine, where REQUESTS_CA_BUNDLE counts and proxies may be."""
    monkeypatch.setattr(http_module, "is_loopback_url", lambda url: False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("name", "ends_in", "reason"),
    [(HERE, DAY, None), (HERE, -DAY, "certificate has expired"), (ELSEWHERE, DAY, "not valid for '127.0.0.1'")],
)
def test_expired_or_of_another_name(
    name: x509.GeneralName, ends_in: timedelta, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused although its authority is trusted, with the reason."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with served(tmp_path, name, ends_in) as url:
        if reason is None:
            assert fetch_json(url) == {}
        else:
            with pytest.raises(ProviderError, match=f"certificate cannot be verified at .*{reason}") as caught:
                fetch_json(url)
            assert isinstance(caught.value.__cause__, requests.exceptions.SSLError)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_bundle_that_cannot_be_used_is_named(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable, and not the network or the provider."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with served(tmp_path, HERE, DAY) as url, pytest.raises(ProviderError, match="REQUESTS_CA_BUNDLE"):
        fetch_json(url)


def test_a_server_without_tls_is_told_from_a_certificate() -> None:
    """The address is wrong, and no bundle would help."""
    with running(server := QuietServer(Answering)), pytest.raises(ProviderError, match="no TLS connection") as caught:
        fetch_json(f"https://127.0.0.1:{server.port}/")
    assert "certificate cannot be verified" not in str(caught.value)
