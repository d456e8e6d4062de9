"""A client of the Model Context Protocol that knows the address of a server, and nothing else.

`python -m tests.support.mcp_client URL` is what the conformance suite of the protocol starts. What a scenario gives to
a client beforehand is in MCP_CONFORMANCE_CONTEXT, and its name in MCP_CONFORMANCE_SCENARIO.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx2

from ipyauth_magic import login
from ipyauth_magic.protocol.challenge import challenges

from .ports import free_port

METHODS = {
    "initialize": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "ipyauth-magic", "version": "1"},
    },
    "notifications/initialized": {},
    "tools/list": {},
    "tools/call": {"name": "test-tool", "arguments": {}},
}
"""What the client sends, in this order, with the parameters."""


def main(url: str) -> None:
    """Sign in to the server at *url*, and use it; ask for more scopes once where it wants them."""
    with httpx2.Client(trust_env=False) as api:
        auth = login(url, challenge=asked(post(api, url, "tools/list")), **given())
        api.auth = auth.httpx()
        for method in METHODS:
            answer = post(api, url, method)
            if answer.status_code == 403:
                auth.sign_in(add_scope=scope_of(answer))
                answer = post(api, url, method)
            answer.raise_for_status()


def post(api: httpx2.Client, url: str, method: str) -> httpx2.Response:
    """Send one message of JSON-RPC (streamable HTTP); a notification has no `id`."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": METHODS[method]}
    if not method.startswith("notifications/"):
        message["id"] = 1
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    return api.post(url, json=message, headers=headers)


def asked(answer: httpx2.Response) -> str:
    """Return the challenge of *answer*, or an empty string."""
    return str(answer.headers.get("WWW-Authenticate", ""))


def scope_of(answer: httpx2.Response) -> str:
    """Return the scopes that *answer* asks for."""
    return " ".join(each.parameters["scope"] for each in challenges(asked(answer)) if "scope" in each.parameters)


def given() -> dict[str, Any]:
    """Return the parameters of `login()` that do not come from the server.

    Tests run side by side, so each has a redirect URI of its own.
    """
    parameters: dict[str, Any] = {"redirect_uri": f"http://127.0.0.1:{free_port()}/callback/", "store": "memory"}
    registered = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    if "client_id" in registered:
        file = Path("registered.env")
        file.touch(0o600)
        file.write_text("".join(f"{name}={registered[name]}\n" for name in ("client_id", "client_secret")))
        parameters["dotenv_file"] = str(file)
    elif os.environ.get("MCP_CONFORMANCE_SCENARIO") == "auth/basic-cimd":
        parameters["client_id"] = "https://conformance-test.local/client-metadata.json"
    return parameters


if __name__ == "__main__":
    main(sys.argv[1])
