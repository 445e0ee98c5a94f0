"""The control connection: its lines, and the session that answers them."""
