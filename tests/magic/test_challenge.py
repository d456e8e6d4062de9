"""What an API says in `WWW-Authenticate`, read as RFC 9110, section 11.6.1, has it."""

from __future__ import annotations

import time

import pytest

from ipyauth_magic.protocol.challenge import challenges

READ = {
    "": [],
    "Bearer": [("bearer", {})],
    'Bearer realm="fruit", error="invalid_token"': [("bearer", {"realm": "fruit", "error": "invalid_token"})],
    "bearer ERROR = invalid_token": [("bearer", {"error": "invalid_token"})],
    # The example of RFC 9110, and its own trap: a scheme in a quoted string.
    'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""': [
        ("basic", {"realm": "simple"}),
        ("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
    ],
    'Basic realm="Bearer error=\\"insufficient_scope\\", Bearer x=\\"y\\""': [
        ("basic", {"realm": 'Bearer error="insufficient_scope", Bearer x="y"'})
    ],
    # Several headers, as requests and httpx join them.
    'Negotiate, NTLM TlRMTVNTUAAB==, Bearer scope="a b"': [
        ("negotiate", {}),
        ("ntlm", {}),
        ("bearer", {"scope": "a b"}),
    ],
    'Bearer\r\n realm="x",\r\n error="y"': [("bearer", {"realm": "x", "error": "y"})],
    ', ,Bearer , realm="x",, ,': [("bearer", {"realm": "x"})],
    # Not of the grammar, and seen: no commas, no quotes.
    'Bearer realm="x" error="y"': [("bearer", {"realm": "x", "error": "y"})],
    "Bearer resource_metadata=https://api.example/.well-known/x?a=b, error=y": [
        ("bearer", {"resource_metadata": "https://api.example/.well-known/x?a=b", "error": "y"})
    ],
    # Garbage goes, and what stands around it stays.
    'Bearer ((, realm="x"': [("bearer", {"realm": "x"})],
    'Bearer realm="x"y, error="z"': [("bearer", {"error": "z"})],
    'Bearer error="y", scope="a b': [("bearer", {"error": "y"})],
    'error="y", Bearer scope="a"': [("bearer", {"scope": "a"})],
    # Twice is not once (11.2).
    'Bearer scope="a", error="y", Scope="b"': [("bearer", {"error": "y"})],
}


@pytest.mark.parametrize("header", READ)
def test_a_header_is_read(header: str) -> None:
    """Schemes and names come in lower case, values as they were sent."""
    assert [(each.scheme, dict(each.parameters)) for each in challenges(header)] == READ[header]


@pytest.mark.parametrize("part", ['a="', "a=b", "a ", 'a="x" ', 'a="\\', "a=", "=", '"', "a , ", 'a="x"y', "\\"])
def test_a_long_header_costs_little(part: str) -> None:
    """The time grows with the length of the header, whatever it repeats."""
    start = time.process_time()
    challenges("Bearer " + part * 500_000)
    assert time.process_time() - start < 1
