"""Data connections and transfers: how one is opened, what it carries, how it ends."""
