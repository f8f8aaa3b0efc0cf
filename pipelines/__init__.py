"""When it runs: landing, linking, publishing, and the Dagster definitions that orchestrate them."""
