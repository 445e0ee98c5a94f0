"""The web page that watches boards: serves it, and shows it with boards that are simulated."""
