"""The nouns of the command, one module each; a module holds ``command``."""
