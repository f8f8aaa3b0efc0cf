"""Materialise the assets in this process."""

from pipelines.work import Work


def materialise(work: Work, *, pull: bool) -> None:
    """Land what is new and bring links, households and views up to date."""
    if pull:
        for key in work.look():
            work.land(key)
    work.link()
    work.house()
    work.publish()
