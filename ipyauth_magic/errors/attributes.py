"""The sentence about an attribute that an `Auth` or a token does not have: it names the right one."""

from __future__ import annotations

from typing import Any

from ..text import plain

_RIGHT = {
    "`auth.access_token`": "token accesstoken accesstokens bearer jwt value raw",
    "`auth()`": "gettoken getaccesstoken fetchtoken",
    "`auth.id_token`": "idtoken idtokens",
    "`auth.sign_in()`": "login signin signon authenticate authorize connect",
    "`auth.sign_out()`": "logout signout logoff disconnect revoke",
    "`auth.renew()`": "renew refresh refreshtoken renewtoken renewtokens renewal",
    "`auth.logged_as`": "loggedas user username name nickname email who loggedin loggedinas",
    "`auth.claims`": "claims claim sub payload idclaims decoded header",
    "`auth.userinfo()`": "userinfo userinfos getuserinfo profile",
    "`auth.scope`": "scope scopes grantedscopes",
    "`auth.expires_at`": "expiresat exp expires expiresin expiry expired isexpired valid isvalid lifetime",
    "`auth.time_to_exp`": "timetoexp timetoexpiry timeleft ttl",
    "`requests.get(url, auth=auth)`": "headers authorization authheader get post put patch delete request",
    "`auth.session()`": "sessions client http getsession",
    "`auth.show()`": "params parameters info status print display",
    "`auth.clear()`": "forget reset remove",
}
"""What to write on an `Auth`, and the words that stand for it elsewhere, in small letters and without `_`."""

_WRITE = {word: right for right, words in _RIGHT.items() for word in words.split()}


def no_attribute_of_auth(auth: object, name: str) -> Any:
    """Raise the `AttributeError` about attribute *name*, which was looked for on *auth* in vain.

    Where its class has *name*, code behind it failed by an `AttributeError` of its own: that one is raised again.
    """
    if hasattr(type(auth), name):
        return object.__getattribute__(auth, name)
    right = _WRITE.get(_in_small(name)) or _near(name, type(auth))
    what = f"Write {right}." if right else "To see those that it has, type `auth.` and press Tab."
    raise _error(auth, name, f"An `Auth` has no attribute `{plain(name, 60)}`. {what}")


def no_attribute_of_token(token: object, name: str, kind: str) -> AttributeError:
    """Return the `AttributeError` about attribute *name* of *token*: an access token or an ID token, as *kind* says."""
    right = _WRITE.get(_in_small(name), "")
    if right == f"`auth.{kind.lower().replace(' ', '_')}`":
        what = f"This is the {kind} itself."
    else:
        what = f"Write {right}." if right else "The `Auth` may have it: type `auth.` and press Tab."
    return _error(token, name, f"An {kind} is a text without the attribute `{plain(name, 60)}`. {what}")


def _near(name: str, kind: type) -> str:
    """Return the attribute of *kind* that *name* was meant for, if there is one."""
    if name.startswith("_"):  # only programs look for those, and at every object that is shown
        return ""
    import difflib

    near = difflib.get_close_matches(name[:60], [each for each in dir(kind) if each[0] != "_"], n=1, cutoff=0.7)
    return f"`auth.{near[0]}{'()' if callable(getattr(kind, near[0])) else ''}`" if near else ""


def _in_small(name: str) -> str:
    return name.replace("_", "").lower()


def _error(owner: object, name: str, sentence: str) -> AttributeError:
    if name.startswith("_"):
        return AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}", name=name, obj=owner)
    return AttributeError(sentence, name=name, obj=None)  # without the object Python has no second suggestion to add
