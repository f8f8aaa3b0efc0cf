"""The command line and the demo city: the only place that knows both sides."""
