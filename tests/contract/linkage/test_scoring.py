"""What Splink says of one pair holds for every pair that agrees and differs in the same things."""

from linkage.blocking import candidates
from linkage.evidence import read_evidence
from linkage.levels import recall, remember
from linkage.scoring import CONDITIONS, Scorer, packaged_model, splink_levels
from tests.contract.linkage.test_increments import Dice, sources


def test_every_pair_has_the_levels_that_splink_gives_it(town, person_draft):
    sources(town)
    dice = Dice(7, person_draft)
    for key in range(60):
        arguments, more = dice.record(key)
        town.add(*arguments, **more)
    model, evidence = packaged_model(), read_evidence(town.engine)
    pairs = candidates(evidence, model.block_limit).pairs
    scorer = Scorer(model)
    scored = scorer.score(evidence, pairs)
    assert scored.select(*CONDITIONS).equals(splink_levels(evidence, pairs, model))
    assert len({tuple(row) for row in scored.select(*CONDITIONS).iter_rows()}) > 50
    remember(town.engine, model, scorer.known)
    with town.engine.connect() as connection:
        again = Scorer(model, recall(connection, model))
    assert again.score(evidence, pairs).equals(scored)
    assert (scorer.learnt, again.learnt) == (True, False)
