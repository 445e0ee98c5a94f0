"""Who gets in, and who may see and do what."""
