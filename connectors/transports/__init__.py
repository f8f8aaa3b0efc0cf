"""Where deliveries lie: files, databases, FHIR servers. Each gives tables of raw rows."""
