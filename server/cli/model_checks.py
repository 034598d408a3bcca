"""Ce qu'il faut à un modèle pour se charger ici ; `doctor` le vérifie de tous, `models add` de ceux qu'il ajoute."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from server.cli.findings import Finding, Level
from server.cli.machine_checks import CUDA13_DRIVER, Machine, gpus
from server.cli.weights_checks import weights_checks
from server.control.gpu.allowed import allowed_gpus
from server.domain import ModelSpec, PlacementOptions
from server.errors import EngineUnavailable
from server.settings.config import Config
from server.settings.environments import interpreter, library
from server.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 60.0
# torch n'est pas importé : il mettrait des secondes et créerait un contexte.
_TORCH = (
    "import importlib.util, json, runpy; s = importlib.util.find_spec('torch'); "
    "v = runpy.run_path(s.submodule_search_locations[0] + '/version.py') if s else {}; "
    "print(json.dumps([v.get('__version__', ''), v.get('cuda') or '']))"
)
_MODULE = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"


def preflight(config: Config, environ: Mapping[str, str], machine: Machine, keys: tuple[str, ...]) -> list[Finding]:
    """Tout ce qui regarde ces modèles de la configuration, sans rien charger."""
    specs = tuple(spec for spec in config.profile.models if spec.key in keys)
    findings = [gpus(machine, config.gpu_lists, True)] if any(spec.requires_gpu for spec in specs) else []
    for spec in specs:
        findings += [*environment(spec, config, machine), *placement(spec, config, machine)]
    if any(spec.source.kind == "hub" for spec in specs):
        findings.append(token(replace(config, profile=replace(config.profile, models=specs))))
    return [*findings, *weights_checks(config, environ, keys=keys)]


def environment(spec: ModelSpec, config: Config, machine: Machine) -> Iterator[Finding]:
    """Interpréteur du moteur, la bibliothèque qu'il lui faut, et son torch contre le pilote."""
    name = f"environnement de {spec.key}"
    try:
        python = interpreter(spec, config.envs_dir)
    except EngineUnavailable as error:
        yield Finding(name, Level.FAILURE, error.message)
        return
    module = library(spec.engine)
    if not _has_module(python, module):
        advice = f"Installez-y ce que demande « {spec.engine} » (docs/installation.md)."
        yield Finding(name, Level.FAILURE, f"{python} n'a pas le module {module}", advice)
        return
    if not spec.requires_gpu:
        return
    try:
        done = subprocess.run([python, "-c", _TORCH], capture_output=True, text=True, timeout=_PATIENCE, check=True)
        torch, cuda = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        yield Finding(name, Level.FAILURE, f"{python} ne répond pas ({error})", "Refaites-le : make setup-dgx.")
        return
    if not cuda:
        found = f"torch {torch} pour processeur" if torch else "torch absent"
        yield Finding(name, Level.FAILURE, found, "Installez le verrou GPU de ce moteur : make setup-dgx.")
    elif machine.cuda and int(cuda.partition(".")[0]) > int(machine.cuda.partition(".")[0]):
        found = f"torch {torch} veut CUDA {cuda}, le pilote sert CUDA {machine.cuda}"
        advice = f"Mettez le pilote à jour ({CUDA13_DRIVER} au moins), ou PASSERELLE_CUDA=cuda12 make setup-dgx."
        yield Finding(name, Level.FAILURE, found, advice)
    else:
        yield Finding(name, Level.OK, f"torch {torch}, CUDA {cuda}")


def _has_module(python: str, module: str) -> bool:
    """Vrai si cet interpréteur trouve le module, cherché comme un exemplaire le ferait, sans l'importer."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen" / "python")])}
    try:
        done = subprocess.run(
            [python, "-c", _MODULE, module], env=env, capture_output=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def placement(spec: ModelSpec, config: Config, machine: Machine) -> Iterator[Finding]:
    """GPU que le modèle demande et préfère, contre ceux qui sont permis ; rien s'il n'y a rien à en dire."""
    allowed = allowed_gpus(machine.gpus, config.gpu_lists).physical
    if not spec.requires_gpu or not allowed:
        return
    options = read_table("options", PlacementOptions.among(spec.options), PlacementOptions)
    needed = options.tensor_parallel_size * options.pipeline_parallel_size
    if needed > len(allowed):
        found = f"un exemplaire demande {needed} GPU, {len(allowed)} sont permis"
        advice = "Réduisez tensor_parallel_size ou pipeline_parallel_size, ou donnez plus de GPU (PASSERELLE_GPUS)."
        yield Finding(f"GPU de {spec.key}", Level.FAILURE, found, advice)
    elif absent := [str(gpu) for gpu in spec.gpus if gpu not in allowed]:
        found = f"gpus : {', '.join(absent)} absents (positions de 0 à {len(allowed) - 1})"
        yield Finding(f"GPU de {spec.key}", Level.WARNING, found, "Les plus libres seront pris à leur place.")


def token(config: Config) -> Finding:
    """Jeton du hub, si un modèle en vient."""
    hub = [spec.key for spec in config.profile.models if spec.source.kind == "hub"]
    if config.hf_token or not hub:
        return Finding("jeton", Level.OK, "donné" if config.hf_token else "ce profil n'en a pas besoin")
    advice = "« export HUGGINGFACE_TOKEN=hf_… », après avoir accepté les conditions des dépôts à accès restreint."
    return Finding("jeton", Level.WARNING, f"HUGGINGFACE_TOKEN absent ; modèles du hub : {', '.join(hub)}", advice)
