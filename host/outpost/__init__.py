"""Outpost's host half: the `outpost` command and what it is made of."""
