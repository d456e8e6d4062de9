"""Objects that put the token on requests: requests, httpx, the workers of a Dask cluster."""
