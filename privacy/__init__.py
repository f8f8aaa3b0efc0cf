"""Who may see what: keys, sealed identities, consent, policy, protection and the verifiable log."""
