"""Paths, listings and facts, and how an upload becomes a file."""
