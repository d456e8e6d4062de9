"""The fruit service: an API protected by OAuth2 access tokens; beside it, a local issuer to try it with."""
