"""``musubi serve``: the console and the API of one workspace."""

from ipaddress import ip_address

import click

from musubi.asking import policy_of
from musubi.call import Call, pass_call
from musubi.texts import Verb, option
from schemas.errors import ConfigurationError


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
        serve(app, host, port)
