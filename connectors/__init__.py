"""How records come in: transports and source definitions."""
