"""Data connections and transfers: how they are opened, what they carry, how they end."""
