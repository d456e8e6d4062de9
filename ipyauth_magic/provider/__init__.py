"""The provider: HTTP with limits, its metadata and keys, and calls of its endpoints."""
