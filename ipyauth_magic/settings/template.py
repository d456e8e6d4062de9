"""The lines to fill in, for a magic or a command that was run without any parameter."""

from __future__ import annotations

DEMO = "python -m ipyauth_magic.demo"
"""The command that tries it all without an account."""

_AUTH0 = ("domain=tenant.eu.auth0.com", "client_id=...", "audience=...", "scope=...")
_ANY = ("issuer=https://login.example.com/", "client_id=...", "scope=...")


def template(magic: str) -> str:
    """Return what to write with *magic*, as `%%auth0`, `%login` or, on the command line, `ipyauth login`."""
    is_auth0 = magic.endswith("auth0")
    lines = _AUTH0 if is_auth0 else _ANY
    if magic.startswith("%"):
        name = f"%%{magic.lstrip('%')}"
        begin = f"{name} has no parameters. Put these lines into a cell and fill them in:"
        filled = [name, *lines]
    else:
        begin = f"`{magic}` has no parameters. Fill in this line:"
        filled = [" ".join((magic, *lines))]
    other = "" if is_auth0 else "For Auth0, write `domain=tenant.eu.auth0.com` in place of `issuer`.\n"
    block = "\n".join(f"    {line}" for line in filled)
    return f"{begin}\n\n{block}\n\n{other}To try it without an account, run `{DEMO}` in a terminal."


def is_bare(given: set[str]) -> bool:
    """Return whether the parameters *given* say neither where to sign in nor for which application."""
    return not given - {"response_type", "response_mode", "flow", "store", "timeout", "dotenv_folder"}
