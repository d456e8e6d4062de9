"""`ipyauth_magic.token`: the tokens that a sign-in gives, as the documentation names them."""

from .protocol.tokens import AccessToken, IdToken, RefreshToken, TokenSet

__all__ = ["AccessToken", "IdToken", "RefreshToken", "TokenSet"]
