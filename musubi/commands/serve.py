"""``musubi serve``: the console and the API of one workspace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from threading import Event, Thread

import click
from sqlalchemy.exc import SQLAlchemyError

from musubi.asking import policy_of
from musubi.call import Call, pass_call
from musubi.texts import Verb, option
from privacy.log import Sequencer
from schemas.errors import ConfigurationError, LedgerCorrupt

SEQUENCED_EVERY = 10.0
"""Seconds between two runs of the sequencer: so long an act may stand outside the signed log while this serves."""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@click.command("serve", cls=Verb, help="serve")
@option("--host", default="127.0.0.1", show_default=True)
@option("--port", type=click.IntRange(1, 65535), default=8470, show_default=True)
@pass_call
def command(call: Call, host: str, port: int) -> None:
    """Serve until interrupted."""
    from desk import create_app, serve
    from desk.context import DEMO_UNLOCK

    with call.site() as site:
        demo = site.workspace.config.keys.unlock == DEMO_UNLOCK
        if demo and not _is_loopback(host):
            raise ConfigurationError(call.words("serve.loopback"))
        app = create_app(workspace=site.workspace, engine=site.engine, keyring=site.keyring, policy=policy_of(site))
        call.remark("serve.open", url=f"http://{host}:{port}/console", name=site.workspace.config.site.name)
        if demo:
            call.remark("serve.demo")
        with sequencing(site.sequencer(), SEQUENCED_EVERY, lambda fault: call.remark("serve.corrupt", fault=fault)):
            serve(app, host, port)


@contextmanager
def sequencing(sequencer: Sequencer, every: float, tell: Callable[[str], None]) -> Iterator[None]:
    """Sequence the log steadily while a block runs, and once more at its end.

    Several processes take turns. A store or disk that does not answer is asked again at the next turn; a log that
    contradicts its database is told and left alone, as evidence.
    """
    ended = Event()

    def work() -> None:
        last = False
        while not last:
            last = ended.wait(every)
            try:
                sequencer.run()
            except LedgerCorrupt as fault:
                tell(str(fault))
                return
            except (SQLAlchemyError, OSError):
                continue

    thread = Thread(target=work, name="sequencer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
