"""The verifiable log: every act leaves an entry that nobody can change or remove unseen.

``record`` writes an act and its entry in the caller's transaction; ``Sequencer`` gives entries their place in
a Merkle tree on disk; ``entries`` and ``prove`` find one again with its proof. ``privacy.verify`` checks the
directory without Musubi, ``privacy.audit`` checks it against the database.
"""

from privacy.log.outbox import decision_instant, record, staff_pseudonym, subject_pseudonym
from privacy.log.reading import LogEntry, Proof, entries, prove
from privacy.log.sequencer import Sequencer, verifier_key

__all__ = [
    "LogEntry",
    "Proof",
    "Sequencer",
    "decision_instant",
    "entries",
    "prove",
    "record",
    "staff_pseudonym",
    "subject_pseudonym",
    "verifier_key",
]
