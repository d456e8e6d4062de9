"""`python -m fruit_service.issuer`: the local issuer without the API."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from ..errors import FruitError
from ..options import number
from ..serving import until_signal, wait
from .directory import CALLBACK_URLS
from .server import LocalIssuer

LIFETIME = number(1, 86_400)
DESCRIPTION = "An Auth0-compatible OpenID provider on this machine, for demonstration. Ctrl-C ends it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the issuer until a signal ends it. Return the exit status."""
    options = _parser().parse_args(arguments)
    with until_signal():
        try:
            callback_urls = options.callback_url or CALLBACK_URLS
            with LocalIssuer(options.port, callback_urls, options.lifetime, other_apis=dict(options.api)) as issuer:
                print(f"Local issuer (for demonstration only): {issuer.issuer}", flush=True)
                wait()
        except FruitError as error:
            print(error, file=sys.stderr)
            return 2
    return 0


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
    return parser


def _api(text: str) -> tuple[str, int]:
    """Return the identifier of an API and the lifetime of its access tokens from *text*."""
    identifier, _, seconds = text.rpartition("=")
    if not identifier:
        raise argparse.ArgumentTypeError(f"{text!r} is not IDENTIFIER=SECONDS")
    return identifier, LIFETIME(seconds)


if __name__ == "__main__":
    sys.exit(main())
