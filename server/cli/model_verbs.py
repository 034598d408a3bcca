"""`passerelle models` : les modèles servis, ceux qu'on ajoute au profil et ceux qu'on en retire."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from server.cli import show
from server.cli.admin import Session
from server.cli.connection import CommandError
from server.cli.model_change import Site, change, this_machine
from server.cli.model_options import block, blocks, checked, described
from server.cli.models import model_keys
from server.domain import ModelSpec
from server.errors import InvalidState, ModelNotFound
from server.settings import overlay
from server.settings.profile import Layers, overlay_bytes

_ORIGINS = {"profile": "profil", "added": "ajouté", "replaced": "remplacé", "removed": "retiré"}


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[VERBE [ARGUMENTS]…]",
    help="Modèles de cette machine, et d'où ils viennent ; « add » et « remove » en changent.",
)
@click.pass_context
def models(ctx: click.Context) -> None:
    """Sans verbe, la liste."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(listed)


@models.command("list", help="Modèles, et d'où ils viennent : du profil, ou ajoutés.")
@click.pass_obj
def listed(session: Session) -> None:
    """Ce que dit le disque ; « status » dit ce que le serveur en fait."""
    with this_machine() as site:
        config = site.with_content(overlay_bytes(site.path))
    found = list(_origins(config.layers))
    if session.as_json:
        click.echo(json.dumps([_shown(*one) for one in found], ensure_ascii=False, indent=2))
        return
    rows = [("clé", "nom", "capacité", "moteur", "origine", "poids")]
    for spec, origin in found:
        source = f"{spec.source.repository} @ {spec.source.revision}"
        rows.append((spec.key, spec.display_name, spec.capability, spec.engine, _ORIGINS[origin], source))
    show.table(rows)
    click.echo(f"\nProfil : {config.layers.path}\nAjouts : {site.path}")


def _origins(layers: Layers) -> Iterator[tuple[ModelSpec, str]]:
    own = {spec.key for spec in layers.own}
    added = {spec.key for spec in layers.overlay.models}
    for spec in layers.profile.models:
        yield spec, "profile" if spec.key not in added else "replaced" if spec.key in own else "added"
    for spec in layers.own:
        if spec.key in layers.overlay.removed and spec.key not in added:
            yield spec, "removed"


def _shown(spec: ModelSpec, origin: str) -> dict[str, Any]:
    return {
        "key": spec.key,
        "aliases": list(spec.aliases),
        "display_name": spec.display_name,
        "capability": spec.capability,
        "engine": spec.engine,
        "origin": origin,
        "source": {name: getattr(spec.source, name) for name in ("kind", "repository", "revision")},
    }


@models.command(help="Ajoute un modèle au profil, ou ceux d'un fichier ; seule, la clé remet un modèle retiré.")
@click.argument("key", metavar="[CLÉ]", required=False)
@described
@click.option(
    "--from",
    "source_file",
    metavar="FICHIER.toml",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Les modèles d'un fichier de profil, ou celui de CLÉ.",
)
@click.option("--replace", is_flag=True, help="Remplace le modèle qui porte déjà cette clé.")
@click.option("--force", is_flag=True, help="Ajoute même ce qui ne pourrait pas se charger ici.")
@click.option("--dry-run", is_flag=True, help="Vérifie, sans rien ajouter.")
@click.pass_obj
def add(
    session: Session,
    /,
    key: str | None,
    source_file: Path | None,
    replace: bool,
    force: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Vérifie le modèle, l'écrit, et le fait prendre au serveur qui tourne."""
    described_here = [name for name, value in given.items() if value]
    if source_file is not None and described_here:
        raise click.UsageError("--from ne va qu'avec CLÉ, --replace, --force et --dry-run : le fichier dit le reste.")
    if source_file is None and not key:
        raise click.UsageError("CLÉ ou --from est nécessaire.")
    named = {name: value.resolve() if isinstance(value, Path) else value for name, value in given.items()}
    source = source_file.resolve() if source_file is not None else None
    with this_machine() as site:
        if source is not None:
            found = blocks(source, key)
        elif described_here:
            assert key
            found = [block(key, named, site.config.weights_dir)]
            checked(key, found[0])
        else:
            found = []
        keys = tuple(one["key"] for one in found) or (str(key),)

        def edit(draft: overlay.Draft) -> None:
            own = [spec.key for spec in site.config.layers.own]
            for one in keys:
                masked = one in draft.removed
                if not found and not masked:
                    raise _unknown(one, site, draft)
                if not replace and (one in draft.keys or (one in own and not masked)):
                    raise CommandError(
                        f"« {one} » existe déjà ; --replace le remplace.",
                        reason=InvalidState.reason,
                        metadata={"field": "key", "value": one},
                    )
            draft.removed = [one for one in draft.removed if one not in keys]
            for model in found:
                draft.put(model)

        changed = change(session, site, edit, keys=keys, force=force, dry_run=dry_run)
    if session.as_json:
        click.echo(json.dumps({"added": list(keys), **changed}, ensure_ascii=False, indent=2))


@models.command(help="Retire un modèle ajouté, ou ne sert plus un modèle du profil, dont le fichier reste tel quel.")
@click.argument("key", metavar="CLÉ", shell_complete=model_keys)
@click.option("--unload", is_flag=True, help="Le décharge d'abord : ses requêtes en cours finissent.")
@click.pass_obj
def remove(session: Session, key: str, unload: bool) -> None:
    """Un modèle chargé est refusé sans --unload ; ses poids restent sur le disque (« passerelle remove »)."""
    with this_machine() as site:

        def edit(draft: overlay.Draft) -> None:
            own = [spec.key for spec in site.config.layers.own]
            if not draft.drop(key):
                if key not in own or key in draft.removed:
                    raise _unknown(key, site, draft)
                draft.removed.append(key)

        changed = change(session, site, edit, leaving=key, unload=unload)
    if session.as_json:
        click.echo(json.dumps({"removed": key, **changed}, ensure_ascii=False, indent=2))


def _unknown(key: str, site: Site, draft: overlay.Draft) -> CommandError:
    served = [spec.key for spec in site.config.layers.own if spec.key not in draft.removed]
    known = ", ".join(dict.fromkeys([*served, *map(str, draft.keys)]))
    removed = f" ; retirés : {', '.join(map(str, draft.removed))}" if draft.removed else ""
    return CommandError(
        f"« {key} » n'est pas la clé d'un modèle de cette machine ({known}{removed}).",
        reason=ModelNotFound.reason,
        metadata={"field": "key", "value": key},
    )
