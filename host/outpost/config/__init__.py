"""`outpost config`: get a board's configuration, check one here, put one onto boards."""
