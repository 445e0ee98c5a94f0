"""What config.json may say of updates: nothing; null turns them off."""

OPTIONS = {}
