"""`python -m tests.bench`: what a sign-in costs beyond the user and the provider, beside other libraries."""
