"""``musubi keys``: a new key-encryption key; sealed values and pseudonyms stay as they are."""

import click

from musubi.call import Call, as_json, pass_call, print_json
from musubi.texts import Noun, option


@click.group("keys", cls=Noun, help="keys")
def command() -> None:
    """Hold the verbs."""


@command.command("rotate", help="keys_rotate")
@option("--retire", is_flag=True)
@as_json
@pass_call
def rotate(call: Call, retire: bool, as_json: bool) -> None:
    """Wrap every data key under a new key; with --retire, destroy the old ones afterwards."""
    from pipelines.runs import held_lease
    from privacy.rotation import retire as destroy_old
    from privacy.rotation import rotate as wrap_anew

    with call.site() as site, held_lease(site.engine):
        done = wrap_anew(site.engine, site.keyring)
        retired = destroy_old(site.engine, site.keyring) if retire else ()
    if as_json:
        print_json({"version": done.version, "rewrapped": done.rewrapped, "retired": list(retired)})
        return
    call.tell("keys.rotated", version=done.version, rewrapped=done.rewrapped)
    if retired:
        call.tell("keys.retired", versions=", ".join(map(str, retired)))
    else:
        call.tell("keys.kept")
