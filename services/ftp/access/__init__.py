"""Who may log in, and what each user may see and do."""
