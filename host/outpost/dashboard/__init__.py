"""The web page that watches boards: serves it, and demonstrates it with simulated boards."""
