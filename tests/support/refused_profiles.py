"""Un profil refusé, dit de la même façon partout."""

from pathlib import Path

import pytest

from server.__main__ import main
from server.cli.checks import run_checks
from server.cli.findings import Level
from server.settings.profile import load_profile
from server.tables import ConfigError


def refusal_of(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Ce que `serve` et `doctor` disent, mot pour mot, de ce profil."""
    with pytest.raises(ConfigError) as refused:
        load_profile(str(path))
    said = str(refused.value)
    monkeypatch.setenv("PASSERELLE_PROFILE", str(path))
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == f"Configuration refusée : {said}\n"
    [finding] = [one for one in run_checks() if one.name == "configuration"]
    assert (finding.level, finding.found) == (Level.FAILURE, said)
    return said
