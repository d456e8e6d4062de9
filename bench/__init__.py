"""The benchmark of the fruit service: `python -m bench`, beside a reference and other frameworks, all in one run."""
