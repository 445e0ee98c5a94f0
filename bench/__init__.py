"""The bench: Outpost beside its peers and beside the interpreter's own limit."""
