"""Registering this application at an authorization server (RFC 7591, section 3)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ProviderError, ProviderUnreachable
from ..protocol.registration import (
    DOCUMENT,
    Registration,
    refused_registration,
    registration_in,
    registration_request,
)
from ..protocol.tokens import RequestBody
from .http import Question, answer_to

if TYPE_CHECKING:
    from ..protocol.metadata import ProviderMetadata


_OTHER_METADATA = "invalid_client_metadata"
"""What a server answers that does not register an application with the metadata asked for (section 3.2.2)."""

_is_missing: list[bool] = []
"""Whether the client ID metadata document is not there; empty before this process has looked."""


def document_is_missing() -> bool:
    """Return whether the document of `DOCUMENT` is not at its address, so that a server could not read it.

    Where this machine cannot reach it, the server may.
    """
    if not _is_missing:
        try:
            answer = answer_to(Question("GET", DOCUMENT))
            _is_missing.append(answer.status != 200 or answer.json_object().get("client_id") != DOCUMENT)
        except ProviderUnreachable:
            return False
        except ProviderError:
            _is_missing.append(True)
    return _is_missing[0]


def register(metadata: ProviderMetadata, redirect_uris: Sequence[str], scope: str = "") -> Registration:
    """Register an application with *redirect_uris* at the server of *metadata*, for the scopes of *scope*.

    Raises:
        ProviderUnreachable: no answer came, or the server is busy.
        ProviderError: it registers nothing, or its answer cannot be used.
    """
    status, document = _answer(metadata, redirect_uris, scope)
    if scope and document.get("error") == _OTHER_METADATA:
        # Some servers know no scopes of their APIs here. Without `scope`, they allow what they allow any (section 2).
        scope = ""
        status, document = _answer(metadata, redirect_uris, scope)
    if status not in (200, 201):
        raise refused_registration(status, document)
    return registration_in(document, scope)


def _answer(metadata: ProviderMetadata, redirect_uris: Sequence[str], scope: str) -> tuple[int, dict[str, Any]]:
    """Return the status of the answer to one request, and its members; none if it is not a JSON object.

    Raises:
        ProviderUnreachable: no answer came, or the server is busy.
    """
    endpoint = metadata.endpoint("registration_endpoint")
    body = RequestBody(json.dumps(registration_request(metadata, redirect_uris, scope)))
    answer = answer_to(Question("POST", endpoint, body, "application/json"))
    if answer.status >= 500 or answer.status == 429:
        raise ProviderUnreachable(
            f"The provider is busy (it answered {answer.status} at {endpoint}). Try again in a moment."
        )
    try:
        return answer.status, answer.json_object()
    except ProviderError:
        return answer.status, {}
