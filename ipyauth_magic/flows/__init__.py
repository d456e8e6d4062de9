"""Sign-ins: one grant per file, one sign-in under way, the tokens that it gave."""
