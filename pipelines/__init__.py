"""When it runs: deliveries landed, persons and households linked, views published; Dagster only orchestrates."""
