"""`python -m ipyauth_magic.demo`: a notebook to try the magics with, and all that it needs, on this machine alone."""
