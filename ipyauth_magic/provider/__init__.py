"""The provider: HTTP with limits, its metadata and keys, its endpoints."""
