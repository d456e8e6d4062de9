"""A value that documentation leaves for the reader to fill in, and that was left as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipyauth_magic import ParamsAuth0
from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.settings.placeholders import why_a_placeholder

PROVIDERS = Path(__file__).parents[1] / "corpora" / "providers.json"

LEFT = {
    "client_id": [
        *("YOUR_CLIENT_ID", "your-client-id", "yourClientId", "your client id", "YOUR_CLIENT_ID.apps.example.com"),
        *("<client id>", "<client-id>", "{clientId}", "{{ client_id }}", "[client_id]", "$CLIENT_ID", "%CLIENT_ID%"),
        *("xxx", "xxxx", "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX", "0oaxxxxxxxx", "dev-xxxx"),
        *("...", "…", "***", "abc123...", "00000000-0000-0000-0000-000000000000"),
        *("TODO", "CHANGE_ME", "changeme", "REPLACE_WITH_CLIENT_ID", "insert-client-id-here", "CLIENT_ID_HERE"),
    ],
    "domain": [
        *("your-tenant.eu.auth0.com", "https://your-tenant.auth0.com/", "yourdomain.auth0.com", "YOUR_DOMAIN"),
        *("<tenant>.auth0.com", "{yourDomain}", "xxx.eu.auth0.com", "dev-xxxxxxxx.us.auth0.com"),
    ],
    "issuer": [
        *("https://...", "https://your-domain.okta.com/oauth2/default", "https://{yourOktaDomain}/oauth2/default"),
        *("https://login.microsoftonline.com/<tenant-id>/v2.0", "https://YOUR_INSTANCE.zitadel.cloud"),
    ],
    "audience": ["https://your-api", "your-api", "https://api.yourcompany.com", "YOUR_API_IDENTIFIER", "<audience>"],
    "scope": ["<scopes>", "...", "your-scopes", "urn:x:project:id:YOUR_PROJECT_ID:aud", "YOUR_CLIENT_ID openid"],
    "client_secret": ["YOUR_CLIENT_SECRET", "<secret>", "xxxxxxxx"],
    "login_hint": ["<your e-mail>"],
}

MEANT = {
    "client_id": [
        *("abc", "ipyauth-demo", "0oa1b2c3xxD4", "1234-abc.apps.googleusercontent.com", "my-client", "x", "xx"),
        *("https://me.example.com/client.json", "xxl-app", "here", "yourkit", "todo-app"),
    ],
    "domain": [
        *("tenant.eu.auth0.com", "auth.site.xxx", "yourmechanic.auth0.com", "your-energy.auth0.com", "login.here.com"),
    ],
    "issuer": ["https://issuer.example.com", "http://localhost:9400/", "https://idp.example/eu-west-1_abcDEF"],
    "audience": ["https://api.your-energy.co.uk", "my-api", "api://00000003-0000-0000-c000-000000000000", "todo/v1"],
    "scope": ["read:a write:b", "read:todo", '["a", "b"]', "https://graph.microsoft.com/.default"],
    "client_secret": ["a<b>c", "abc...def", "GOCSPX-xxxx_abc", "p{x}y"],
    "login_hint": ["<b>me</b>", "alice@example.com"],
    "extra.claims": ['{"id_token": {"acr": null}}', "..."],
    "dotenv_file": ["<demo>.env", "your-api.env"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in LEFT.items() for value in values])
def test_a_placeholder_is_one_problem_of_its_parameter(name: str, value: str, tmp_path: Path) -> None:
    """It says what was left, and never that a host is wrong or a name is unknown; a secret is not repeated."""
    good = {"domain": "t.eu.auth0.com", "client_id": "abc"}
    given = {**(good if name != "issuer" else {"client_id": "abc"}), name: value}
    (tmp_path / "x.env").write_text("\n".join(f"{each}='{text}'" for each, text in given.items()), encoding="utf-8")
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(dotenv_file="x.env", dotenv_folder=str(tmp_path))
    [problem] = caught.value.problems
    assert problem.name == name
    shown = "a placeholder" if name == "client_secret" else f"the placeholder `{value}`"
    assert str(problem).startswith(f"`{name}` (from file x.env) is still {shown}. ")
    assert name != "client_secret" or value not in str(problem)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in MEANT.items() for value in values])
def test_a_real_value_is_none(name: str, value: str) -> None:
    """Some companies are named like that."""
    assert why_a_placeholder(name, value) is None


def test_no_value_of_a_real_provider_is_one() -> None:
    """What forty settings of providers ask for, and what their metadata say of scopes."""
    values = list(_values(json.loads(PROVIDERS.read_text(encoding="utf-8"))))
    assert len(values) > 200
    assert [each for each in values if why_a_placeholder(*each)] == []


def _values(found: Any) -> Iterator[tuple[str, str]]:
    """Return the parameters, and the supported scopes, with what the fake provider fills in filled in."""
    if isinstance(found, list):
        found = {str(number): each for number, each in enumerate(found)}
    for name, value in found.items() if isinstance(found, dict) else ():
        if name == "params":
            yield from ((each, _filled(str(text))) for each, text in value.items())
        elif name == "scopes_supported":
            yield from (("scope", str(each)) for each in value)
        else:
            yield from _values(value)


def _filled(text: str) -> str:
    return text.replace("{base}", "https://idp.example").replace("{client_id}", "abc")
