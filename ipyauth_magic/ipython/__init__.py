"""The magics of IPython and their completion."""
