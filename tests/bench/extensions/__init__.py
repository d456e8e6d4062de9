"""Extensions that `%load_ext` is measured beside."""
