"""What a real browser writes into its files of a response that was refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fruit_service.issuer.server import LocalIssuer
from tests.end_to_end.test_sign_in_lab import kept
from tests.support.attempts import Attempt
from tests.support.offered import arrivals, offered
from tests.support.ports import free_port
from tests.support.user_browser import UserBrowser


@pytest.fixture
def attempt() -> Iterator[Attempt]:
    """A sign-in that waits for a form."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    with (
        LocalIssuer(port=0, callback_urls=(redirect_uri,)) as issuer,
        offered(issuer, redirect_uri, response_mode="form_post") as attempt,
    ):
        yield attempt


@pytest.mark.parametrize("changed", ["state", "nonce"])
def test_a_refused_form_post_leaves_no_token(
    changed: str, attempt: Attempt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the wait goes on (another `state`) or ends (another `nonce`): the page takes the form's place."""
    arrived = arrivals(monkeypatch)
    user = UserBrowser(tmp_path / "user", profile=tmp_path / "profile")
    link = str(attempt.url).replace(f"{changed}=", f"{changed}=another")
    subprocess.run([user.command.removesuffix(" %s &"), link], check=False, timeout=90)
    assert user.sign_in().outcome == "failed", user.log()
    assert attempt.is_over == (changed == "nonce")
    [response] = arrived
    assert kept(tmp_path / "profile", f"{changed}=another"), "the search finds nothing at all"
    for token in (response["access_token"], response["id_token"]):
        assert not kept(tmp_path / "profile", token)
        assert not kept(tmp_path / "profile", token.split(".")[2])
