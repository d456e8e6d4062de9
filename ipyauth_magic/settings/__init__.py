"""What a sign-in is asked for: parameters, where they come from, and options."""
