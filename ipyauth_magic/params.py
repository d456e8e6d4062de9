"""`ipyauth_magic.params`: the parameters of a sign-in, as the documentation names them."""

from .settings.params import Explained, Explanation, IpyauthWarning, ParamsAuth0

__all__ = ["Explained", "Explanation", "IpyauthWarning", "ParamsAuth0"]
