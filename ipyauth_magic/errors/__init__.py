"""The errors of this package, as a tree. Each class writes its own sentence for the user.

`except IpyauthError` catches all of them:

    IpyauthError
    ├── InvalidParams            parameters are missing or wrong; one error names all of them
    ├── NotSignedIn              the code needs a token, and there is no sign-in, or a sign-out elsewhere ended it
    ├── SignInNeeded             the token has expired and only the user can get another
    ├── ProviderError            the provider cannot be reached, or its metadata is wrong
    │   └── ProviderUnreachable  no answer, or none in time; a later try may succeed
    ├── SignOutIncomplete        the tokens are erased here, but the provider still has a token or a session
    ├── StoreUnavailable         the store that was chosen does not work here
    ├── StoreBusy                another thread or process holds the lock of the store
    ├── InsecureApi              the URL of an API has no TLS
    ├── OtherOrigin              the URL is of another API than the one by whose address the user signed in
    ├── InsecureCluster          the connection to a cluster has no TLS
    ├── NoTokenHere              on a worker of a cluster: the notebook sent no token, or the `with` block has ended
    └── SignInFailed             a sign-in was started and gave no token
        ├── PortTaken            no port of the redirect URIs is free
        ├── NobodyCanAnswer      no browser can be opened, and the notebook runs unattended
        ├── NothingGranted       further scopes were asked for, and the provider granted none of them
        ├── SignInTimeout        no response came in time
        ├── SignInCancelled      the user or the program ended the wait
        ├── ProviderRefused      the provider answered with an error
        ├── InvalidResponse      a response breaks its standard
        └── InvalidIdToken       the ID token failed a check
            ├── UnknownKey       the provider publishes no key that fits the signature
            └── OutOfTime        the ID token is valid at another time than this machine's clock shows
"""

from .attributes import no_attribute_of_auth
from .base import IpyauthError, restored
from .parameters import InvalidParams, Problem
from .provider import (
    REMEDIES,
    InvalidIdToken,
    InvalidResponse,
    OutOfTime,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    UnknownKey,
)
from .sign_in import NobodyCanAnswer, NothingGranted, PortTaken, SignInCancelled, SignInFailed, SignInTimeout
from .tokens import (
    InsecureApi,
    InsecureCluster,
    NoTokenHere,
    NotSignedIn,
    OtherOrigin,
    SignInNeeded,
    SignOutIncomplete,
    StoreBusy,
    StoreUnavailable,
)

__all__ = [
    "REMEDIES",
    "InsecureApi",
    "InsecureCluster",
    "InvalidIdToken",
    "InvalidParams",
    "InvalidResponse",
    "IpyauthError",
    "NoTokenHere",
    "NobodyCanAnswer",
    "NotSignedIn",
    "NothingGranted",
    "OtherOrigin",
    "OutOfTime",
    "PortTaken",
    "Problem",
    "ProviderError",
    "ProviderRefused",
    "ProviderUnreachable",
    "SignInCancelled",
    "SignInFailed",
    "SignInNeeded",
    "SignInTimeout",
    "SignOutIncomplete",
    "StoreBusy",
    "StoreUnavailable",
    "UnknownKey",
    "no_attribute_of_auth",
    "restored",
]
