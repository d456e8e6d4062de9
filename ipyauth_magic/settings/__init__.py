"""What a user may set: the parameters of a sign-in, where their values come from, and the options."""
