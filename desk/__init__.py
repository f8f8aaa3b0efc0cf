"""The read side: query service, HTTP API and console."""
