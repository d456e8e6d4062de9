"""What an API says about itself: rules, as tables."""

from __future__ import annotations

import pytest

from ipyauth_magic.errors import ProviderError
from ipyauth_magic.protocol.protected_resource import Challenged, check_server, is_part_of, metadata_addresses

API = "https://api.example.com/v1/items"


@pytest.mark.parametrize(
    ("resource", "is_above"),
    [
        (API, True),
        (f"{API}/", True),
        ("https://api.example.com/v1", True),
        ("https://api.example.com/v1/", True),
        ("https://api.example.com", True),
        ("https://api.example.com/", True),
        ("https://API.example.com:443/v1", True),
        ("https://api.example.com/v1/it", False),
        ("https://api.example.com/v1/items/5", False),
        ("https://api.example.com/V1", False),
        ("https://api.example.com/v1?tenant=a", False),
        ("https://api.example.com:8443/v1", False),
        ("http://api.example.com/v1", False),
        ("https://example.com/v1", False),
        ("https://api.example.com.evil.example/v1", False),
    ],
)
def test_resource_by_the_segments_of_its_path(resource: str, is_above: bool) -> None:
    """The address itself or one above it, at the same origin."""
    assert is_part_of(API, resource) is is_above


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://a.example", ["https://a.example/.well-known/oauth-protected-resource"]),
        ("https://a.example/", ["https://a.example/.well-known/oauth-protected-resource"]),
        (
            "https://a.example/v1/x",
            [
                "https://a.example/.well-known/oauth-protected-resource/v1/x",
                "https://a.example/.well-known/oauth-protected-resource",
            ],
        ),
    ],
)
def test_where_the_metadata_are(url: str, addresses: list[str]) -> None:
    """RFC 9728, 3.1."""
    assert list(metadata_addresses(url)) == addresses


@pytest.mark.parametrize(
    ("issuer", "api", "may_be_asked"),
    [
        ("https://login.example.com", API, True),
        ("https://login.example.com/realms/a", API, True),
        ("https://login.example.com", "http://127.0.0.1:5000/api", True),
        ("http://localhost:9400/", "http://127.0.0.1:5000/api", True),
        ("https://10.0.0.7", "https://10.0.0.5/v1", True),
        ("http://localhost:9400/", API, False),
        ("https://localhost", API, False),
        ("https://127.0.0.1", API, False),
        ("https://127.8.9.1", API, False),
        ("https://[::1]", API, False),
        ("https://0x7f000001", API, False),
        ("https://10.0.0.7", API, False),
        ("https://169.254.169.254", API, False),
        ("https://127.0.0.1", "https://10.0.0.5/v1", False),
        ("http://login.example.com", API, False),
        ("https://ada@login.example.com", API, False),
        ("https://login.example.com?x=1", API, False),
        ("https://login.example.com#x", API, False),
        ("file:///etc/passwd", API, False),
        ("login.example.com", API, False),
    ],
)
def test_servers_that_the_kernel_may_ask(issuer: str, api: str, may_be_asked: bool) -> None:
    """A stranger must not send the kernel to this machine, or into its network (RFC 9728, 7.7)."""
    if may_be_asked:
        check_server(issuer, api)
        return
    with pytest.raises(ProviderError, match="not asked"):
        check_server(issuer, api)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", Challenged()),
        ("Bearer", Challenged()),
        ('Basic realm="x", scope="a"', Challenged()),
        ('Bearer scope="a b"', Challenged(scope="a b")),
        ('Basic realm="x", Bearer scope="a"', Challenged(scope="a")),
        ('Bearer scope="a a \\\\ ä"', Challenged(scope="a")),
        (
            'Bearer resource_metadata="https://api.example.com/m", error="invalid_token"',
            Challenged("https://api.example.com/m"),
        ),
        ('DPoP resource_metadata="https://evil.example/m"', Challenged()),
    ],
)
def test_a_challenge(header: str, expected: Challenged) -> None:
    """Of the scheme Bearer only."""
    assert Challenged.of(header, API) == expected
