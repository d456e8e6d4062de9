"""A local OpenID provider in Auth0's manner, for demonstration and tests: nothing it says proves who anybody is."""
