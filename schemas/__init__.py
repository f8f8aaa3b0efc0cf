"""What things are: the unified household model, code lists, value types, tables and configuration."""
