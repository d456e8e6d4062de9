"""What the user sees: strings in, HTML and text out; no script, so that nothing runs when a notebook is reopened."""
