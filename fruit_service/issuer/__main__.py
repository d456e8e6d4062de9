"""`python -m fruit_service.issuer`: the local issuer without the API."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from ..errors import BadConfig, FruitError
from ..options import number
from ..serving import until_signal, wait
from .directory import ABSOLUTE, CALLBACK_URLS, FRUIT_API
from .server import LocalIssuer

LIFETIME = number(1, 86_400)
DESCRIPTION = "An Auth0-compatible OpenID provider on this machine, for demonstration. Ctrl-C ends it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the issuer until a signal ends it. Return the exit status."""
    options = _parser().parse_args(arguments)
    with until_signal():
        try:
            callback_urls = options.callback_url or CALLBACK_URLS
            apis, resources = dict(options.api), dict(options.resource)
            _check_apis(resources, apis)
            with LocalIssuer(
                options.port, callback_urls, options.lifetime, other_apis=apis, resources=resources
            ) as issuer:
                print(f"Local issuer (for demonstration only): {issuer.issuer}", flush=True)
                wait()
        except FruitError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


def _check_apis(resources: Mapping[str, str], apis: Mapping[str, int]) -> None:
    for identifier in resources.values():
        if identifier not in (FRUIT_API.identifier, *apis):
            raise BadConfig(f"--resource names the API {identifier}. Add it: --api {identifier}=SECONDS.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fruit_service.issuer", description=DESCRIPTION)
    parser.add_argument(
        "--port", type=number(0, 65_535), default=9400, metavar="PORT", help="0: a free one (default 9400)"
    )
    parser.add_argument("--callback-url", action="extend", nargs="+", metavar="URL", help="the allowed redirect URIs")
    parser.add_argument(
        "--lifetime", type=LIFETIME, default=60, metavar="SECONDS", help="lifetime of access tokens (default 60)"
    )
    parser.add_argument(
        "--api",
        type=_api,
        action="append",
        default=[],
        metavar="IDENTIFIER=SECONDS",
        help="another API with the same scopes, and the lifetime of its access tokens; may be repeated",
    )
    parser.add_argument(
        "--resource",
        type=_resource,
        action="append",
        default=[],
        metavar="IDENTIFIER=URL",
        help="the URL of an API, if it is not http://127.0.0.1:PORT/IDENTIFIER; may be repeated",
    )
    return parser


def _api(text: str) -> tuple[str, int]:
    """Return the identifier of an API and the lifetime of its access tokens from *text*."""
    identifier, _, seconds = text.rpartition("=")
    if not identifier:
        raise argparse.ArgumentTypeError(f"{text!r} is not IDENTIFIER=SECONDS")
    return identifier, LIFETIME(seconds)


def _resource(text: str) -> tuple[str, str]:
    """Return the URL of an API and the API's identifier from *text*."""
    identifier, _, url = text.partition("=")
    if not (identifier and ABSOLUTE.fullmatch(url)):
        raise argparse.ArgumentTypeError(f"{text!r} is not IDENTIFIER=URL")
    return url, identifier


if __name__ == "__main__":
    sys.exit(main())
