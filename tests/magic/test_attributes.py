"""An attribute that an `Auth` or a token does not have: the right one is named, and no program that asks is misled."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import traceback

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipyauth_magic import Auth
from ipyauth_magic.protocol.tokens import AccessToken, IdToken
from tests.magic.test_magics import run
from tests.magic.test_widget import MakeAuth

TOKEN = "aaaa.bbbb.cccc"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("token", "Write `auth.access_token`."),
        ("access_tokens", "Write `auth.access_token`."),
        ("accessToken", "Write `auth.access_token`."),
        ("get_token", "Write `auth()`."),
        ("refresh_token", "Write `auth.renew()`."),
        ("sing_in", "Write `auth.sign_in()`."),
        ("login", "Write `auth.sign_in()`."),
        ("expires_in", "Write `auth.expires_at`."),
        ("loged_as", "Write `auth.logged_as`."),
        ("scopes", "Write `auth.scope`."),
        ("headers", "Write `requests.get(url, auth=auth)`."),
        ("nonsense", "type `auth.` and press Tab."),
    ],
)
def test_an_auth_names_the_right_attribute(name: str, right: str, make_auth: MakeAuth) -> None:
    """Once: Python adds no second suggestion."""
    with pytest.raises(AttributeError) as caught:
        getattr(make_auth(), name)
    said = traceback.format_exception_only(caught.value)[-1].strip()
    assert said.startswith(f"AttributeError: An `Auth` has no attribute `{name}`. ")
    assert said.endswith(right)


@pytest.mark.parametrize(
    ("token", "name", "right"),
    [
        (AccessToken(TOKEN), "access_token", "This is the access token itself."),
        (AccessToken(TOKEN), "token", "This is the access token itself."),
        (AccessToken(TOKEN), "id_token", "Write `auth.id_token`."),
        (AccessToken(TOKEN), "claims", "Write `auth.claims`."),
        (AccessToken(TOKEN), "expires_at", "Write `auth.expires_at`."),
        (AccessToken(TOKEN), "nonsense", "type `auth.` and press Tab."),
        (IdToken(TOKEN), "id_token", "This is the ID token itself."),
        (IdToken(TOKEN), "sub", "Write `auth.claims`."),
    ],
)
def test_a_token_is_a_text(token: AccessToken, name: str, right: str) -> None:
    """And its `Auth` has the rest; no part of the token is told."""
    with pytest.raises(AttributeError) as caught:
        getattr(token, name)
    said = str(caught.value)
    assert said.endswith(right)
    assert f"without the attribute `{name}`." in said
    assert not any(part in said for part in TOKEN.split("."))


@pytest.mark.parametrize(
    "name", ["_repr_html_", "_ipython_canary_method_should_not_exist_", "__wrapped__", "__array__"]
)
def test_programs_are_answered_as_by_any_object(name: str, make_auth: MakeAuth) -> None:
    """Front ends and libraries look for such names at whatever they are given."""
    for each in (make_auth(), AccessToken(TOKEN), object.__new__(Auth)):
        assert not hasattr(each, name)
        with pytest.raises(AttributeError, match=f"object has no attribute '{name}'"):
            getattr(each, name)


def test_copies_and_pickles_are_as_before(make_auth: MakeAuth) -> None:
    """A copy is the object itself, and a pickle is refused by its own sentence."""
    auth, token = make_auth(), AccessToken(TOKEN)
    token.describe("of alice")
    assert copy.copy(auth) is copy.deepcopy(auth) is auth
    assert copy.deepcopy(token) is token
    assert "of alice" in repr(token)
    assert repr(token[1:]) == "<AccessToken, hidden>"
    for each in (auth, token):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(each)


def test_an_error_of_a_propertys_own_code_is_not_hidden(make_auth: MakeAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a defect, and not a name that is missing."""
    monkeypatch.setattr(Auth, "scope", property(lambda auth: None.nothing))
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'nothing'"):
        _ = make_auth().scope


def test_a_cell_shows_the_sentence(shell: InteractiveShell, make_auth: MakeAuth) -> None:
    """Last, where the eye is."""
    shell.user_ns["auth"] = make_auth()
    _, printed, said, _ = run(shell, "auth.token")
    assert (printed + said).strip().endswith("An `Auth` has no attribute `token`. Write `auth.access_token`.")


def test_a_name_of_programs_costs_no_import() -> None:
    """Each display of an object asks for a dozen of them."""
    program = (
        "import sys\nfrom ipyauth_magic.protocol.tokens import AccessToken\n"
        "hasattr(AccessToken('a'), '_repr_html_')\nprint('difflib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
