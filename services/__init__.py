"""Outpost's services: a file here is shared by all, a folder is one service."""
