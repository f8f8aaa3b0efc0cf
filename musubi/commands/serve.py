"""``musubi serve``: the console and the API of one workspace."""

import click

from musubi.asking import policy_of
from musubi.call import Call, pass_call
from musubi.texts import Verb, option


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
        app = create_app(workspace=site.workspace, engine=site.engine, keyring=site.keyring, policy=policy_of(site))
        call.remark("serve.open", url=f"http://{host}:{port}/console", name=site.workspace.config.site.name)
        if demo:
            call.remark("serve.demo")
        serve(app, host, port)
