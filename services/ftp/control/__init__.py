"""The control connection: its lines, and the session that replies to them."""
