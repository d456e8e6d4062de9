"""Where tokens are kept between two sign-ins."""
