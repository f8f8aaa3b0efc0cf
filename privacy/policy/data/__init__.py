"""The shipped rules, legal bases and consent forms: versioned data, read by ``load_policy``."""
