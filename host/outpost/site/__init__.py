"""`outpost site`: a SITE command to many boards at once."""
