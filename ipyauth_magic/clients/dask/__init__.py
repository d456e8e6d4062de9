"""The token on the workers of a Dask cluster."""
