"""The fruit service: an API protected by OAuth 2 access tokens, and a local issuer to try it with."""
