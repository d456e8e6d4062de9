"""Sign in from a plain Python program, without a notebook, read the fruits, and add one.

You need the services of `make lab`, or `python -m fruit_service --with-issuer` in another terminal; then
`python examples/script.py`. Its parameters are in `script.env`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ipyauth_magic import Auth, IpyauthError, ParamsAuth0

FRUIT = "http://127.0.0.1:5000"


def main() -> int:
    """Run the program. Return its exit status."""
    params = ParamsAuth0(dotenv_folder=str(Path(__file__).parent), dotenv_file="script.env")
    auth = Auth(params, flow="code")
    try:
        auth.sign_in(timeout=120)  # opens your browser, and prints the card with the link to standard error
    except KeyboardInterrupt:
        print("Stopped: you are not signed in. Run the program again to sign in.", file=sys.stderr)
        return 130
    except IpyauthError as error:
        print(error, file=sys.stderr)  # what happened, and what to do
        return 1
    use(auth)
    return 0


def use(auth: Auth) -> None:
    """Read and add fruits as the user of *auth*."""
    with auth.session(FRUIT) as api:  # renews the token, for as long as the program runs
        answer = api.post("/api/fruit", json={"usual": ["medlar"], "exotic": ["mango"]}).json()
        print("added:  ", answer["fruits_added"])
        print("refused:", answer["fruits_refused"])
        for basket, fruits in api.get("/api/fruit").json()["fruits"].items():
            print(f"{basket}: {', '.join(fruits)}")


if __name__ == "__main__":
    sys.exit(main())
