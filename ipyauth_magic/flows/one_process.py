"""What stays in the process that signed in, because only one process may use a refresh token (RFC 9700, 4.14.2)."""

from __future__ import annotations

from typing import NoReturn, Self

SENTENCE = (
    "An `Auth` stays in the process that signed in, and is not pickled. For short work, pass "
    "`str(auth.access_token)` to each task. For long work, sign in with "
    '`store="file"` (`--store file`), and call '
    '`Auth(params, store="file").sign_in()` in each process. It opens no browser while that sign-in lasts. '
    "Threads share `auth` itself, and a Dask cluster has `auth.on_dask(client)`."
)


class OneProcess:
    """An object that no other process gets; a copy of it is the object itself."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(SENTENCE)
