"""Tab offers our options, parameters and values, and leaves other cells alone."""

from __future__ import annotations

import json
from collections.abc import Callable

import IPython
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipyauth_magic.provider.provider import Provider
from ipyauth_magic.settings.parameters import KNOWN_VALUES
from tests.magic.test_id_token import RSA, published
from tests.support.scripted_browser import ScriptedBrowser
from tests.support.web import serving

HAS_MATCHERS = IPython.version_info >= (8, 6)


def offered(shell: InteractiveShell, text: str) -> set[str]:
    """Return what Tab offers at the end of *text*."""
    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        return {each.text for each in shell.Completer.completions(text, len(text))}


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("%%auth0 --no", {"--no-browser"}, {"--force"}),
        ("%%auth0 --", {"--dotenv-file", "--token-name", "--timeout", "--quiet"}, {"--json"}),
        ("%token --", {"--json", "--raw", "--renew", "--clear", "--config", "--list"}, {"--force"}),
        ("%auth0 dom", {"domain="}, {"--domain"}),
        ("%%auth0\ncli", {"client_id="}, {"client_secret="}),
        ("%%auth0\ndomain=x\nred", {"redirect_uri="}, {"redirect_url="}),
        ("%%auth0\nresponse_mode=f", {"fragment", "form_post"}, {"query"}),
        ("%%auth0\nscope=openid pro", {"profile"}, {"email"}),
        ("%auth0 response_mode=", {"fragment", "form_post"}, set()),
        ("%auth0 client_id=x --st", {"--store"}, {"--timeout"}),
        ("%auth0 --store ", {"none", "memory", "keyring", "file"}, {"--flow", "domain="}),
        ("%auth0 --flow ", {"implicit", "code", "device"}, {"memory", "domain="}),
        ("%%auth0 --flow d", {"device"}, {"code", "domain="}),
        ("%%auth0 --flow=c", {"code"}, {"device", "client_id="}),
        ("%%auth0 -q --re", {"--renewable"}, {"--no-renewable"}),
        ("%%auth0 --no-r", {"--no-renewable"}, {"--no-browser"}),
        ("x = %token --j", {"--json"}, {"--raw"}),
        ("y = 1\n%token --r", {"--raw", "--renew"}, {"--json"}),
        ("%%auth0\nrequested_scopes=em", {"email"}, {"profile"}),
    ],
)
def test_what_is_offered(shell: InteractiveShell, text: str, some: set[str], none: set[str]) -> None:
    """And nothing of Python's names beside it."""
    if not HAS_MATCHERS:
        assert "ipyauth" not in str(shell.Completer.custom_matchers)
        return
    found = offered(shell, text)
    assert some <= found
    assert not none & found
    assert not {"domain", "print", "set"} & found


def test_the_scopes_of_a_provider_that_is_known(shell: InteractiveShell) -> None:
    """After a sign-in, or as soon as its link is out; Tab itself asks nobody."""
    if not HAS_MATCHERS:
        return
    with serving() as web:
        document = {
            "issuer": web.url,
            "authorization_endpoint": f"{web.url}/authorize",
            "jwks_uri": f"{web.url}/keys",
            "scopes_supported": ["openid", "offline_access", "read:fruit", 5, "a\nimport os", "{exit()}", "$HOME"],
        }
        web.answers["/.well-known/openid-configuration"] = (200, {}, json.dumps(document).encode())
        web.answers["/keys"] = (200, {}, json.dumps(published(RSA)).encode())
        text = f"%%auth0\nissuer={web.url}\nscope=openid "
        assert offered(shell, text) == set(KNOWN_VALUES["scope"])
        assert web.asked == []
        Provider.of(web.url).metadata()
        asked = list(web.asked)
        assert offered(shell, text) == {*KNOWN_VALUES["scope"], "offline_access", "read:fruit"}
        assert offered(shell, f"{text}read:f") == {"read:fruit"}
        assert web.asked == asked


def test_token_offers_the_names_of_sign_ins(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """`%token NAME` takes one; after `%reload_ext` those of the cells that come then."""
    if not HAS_MATCHERS:
        return
    with capture_output():
        shell.run_cell(cell("-t own_token -a own_auth"))
    assert {"own_token", "own_auth"} <= offered(shell, "%token own")
    shell.run_line_magic("reload_ext", "ipyauth_magic")
    assert offered(shell, "%token own") == {"own"}  # what is typed already, and none of Python's names


@pytest.mark.parametrize("use_jedi", [True, False])
def test_the_keywords_of_the_parameters(shell: InteractiveShell, use_jedi: bool) -> None:
    """In Python's own call, by whichever completer IPython has at hand."""
    shell.Completer.use_jedi = use_jedi
    shell.run_cell("from ipyauth_magic import ParamsAuth0")
    assert offered(shell, "ParamsAuth0(client_id='x', red") == {"redirect_uri="}


@pytest.mark.parametrize("text", ["x = %tok", "dom", "%%timeit\ndom", "%token\ndom"])
def test_other_cells_are_left_alone(shell: InteractiveShell, text: str) -> None:
    """Our words are offered nowhere else."""
    shell.user_ns["domino"] = 1
    if text.endswith("dom"):
        assert "domain=" not in offered(shell, text)
        assert any("domino" in each for each in offered(shell, text))
    else:
        assert "--json" not in offered(shell, text)
