"""The errors of this package, as a tree. Each class writes its own sentence for the user.

`except IpyauthError` catches all of them:

    IpyauthError
    ├── InvalidParams            parameters are missing or wrong; one error names all of them
    ├── NotSignedIn              there was no sign-in, or the user has signed out, here or in another program
    ├── SignInNeeded             the token has expired, and only the user can get another
    ├── ProviderError            the provider cannot be reached, or its metadata or its answer cannot be used
    │   └── ProviderUnreachable  there was no answer in time, or the provider is busy; a later try may succeed
    ├── SignOutIncomplete        the tokens are erased here, but the provider may still have a token or a session
    ├── StoreUnavailable         the store that was chosen does not work here
    ├── StoreBusy                another thread or process holds the lock of the store
    ├── InsecureApi              the URL of an API has no TLS, so the token is not sent
    ├── OtherOrigin              the user signed in by an API's address, and the URL has another origin
    ├── InsecureCluster          a connection of a cluster has no TLS, so the token is not sent
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
            ├── UnknownKey       the provider publishes no key for the signature
            └── OutOfTime        by this machine's clock, the ID token is not valid now
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
