"""How the authorization response reaches the kernel."""
