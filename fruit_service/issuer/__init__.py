"""A local OpenID provider that behaves like Auth0, for demonstration and tests. It checks no password."""
