"""Why the desk gives no answer; what a person reads of it stands in the catalogues.

::

    MusubiError
    ├── QueryRefused   ask differently (too little to search by, unreadable date)
    └── AccessDenied
        └── NotShown   nothing there, or nothing this reader may see: one and the same answer
"""

from schemas.errors import AccessDenied, MusubiError


class QueryRefused(MusubiError):
    """A query the desk does not run; ``code`` is ``too_little`` or ``unreadable``, never the input."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NotShown(AccessDenied):
    """Nothing there or nothing this reader may see; both look alike."""
