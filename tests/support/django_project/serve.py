"""An OpenID provider for the tests: django-allauth's, with the user Alice and the public client `ipyauth-demo`.

`python serve.py --folder FOLDER --redirect-uri URI` prints its issuer as JSON, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import sys
import threading
from pathlib import Path

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path
from waitress.server import create_server

urlpatterns: list[object] = []
"""Django's routes; allauth's can be imported once Django is set up."""

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def configure(folder: Path) -> None:
    """Set up Django, with its database in *folder* and a key of this run."""
    key = rsa.generate_private_key(65537, 2048)
    contexts = ["request", "auth", "messages"]
    settings.configure(
        SECRET_KEY=secrets.token_hex(),
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages", "sites")),
            *("allauth", "allauth.account", "allauth.idp.oidc"),
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        *(f"django.contrib.{name}.context_processors.{name}" for name in contexts[1:]),
                    ]
                },
            }
        ],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "provider.sqlite")}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],  # quick: its only password is `any`
        SITE_ID=1,
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_RATE_LIMITS=False,
        IDP_OIDC_PRIVATE_KEY=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        IDP_OIDC_ACCESS_TOKEN_FORMAT="jwt",
        IDP_OIDC_DEVICE_CODE_INTERVAL=1,
        IDP_OIDC_RATE_LIMITS={},
    )
    django.setup()
    urlpatterns.extend([path("accounts/", include("allauth.account.urls")), path("", include("allauth.idp.urls"))])


def fill(redirect_uris: list[str]) -> None:
    """Make the tables, Alice, and the client with *redirect_uris*."""
    from allauth.idp.oidc.models import Client
    from django.contrib.auth import get_user_model

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("alice", password="any", first_name="Alice", last_name="Liddell")
    client = Client(id="ipyauth-demo", name="Notebook", type=Client.Type.PUBLIC)
    client.set_scopes(["openid", "profile"])
    client.set_redirect_uris(redirect_uris)
    client.set_response_types(["code", "id_token token"])
    client.set_grant_types(["authorization_code", "refresh_token", DEVICE_GRANT])
    client.save()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--redirect-uri", action="append", default=[])
    options = parser.parse_args()
    configure(options.folder)
    fill(options.redirect_uri)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = create_server(get_wsgi_application(), sockets=[bound], threads=8)
        threading.Thread(target=server.run, daemon=True).start()
        print(json.dumps({"issuer": f"http://localhost:{bound.getsockname()[1]}"}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
