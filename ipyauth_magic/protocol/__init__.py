"""OAuth 2 and OpenID Connect: values and pure functions, named as in the RFCs."""
