"""Value types of the field: partial and era dates, names, addresses, phone numbers, identifiers."""
