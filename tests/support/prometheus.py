"""Un vrai Prometheus devant des produits en marche, les règles de deploy/supervision/ sans leurs délais."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.product import ROOT, free_port, wait_until

SUPERVISION = ROOT / "deploy" / "supervision"
RULES: list[dict[str, Any]] = yaml.safe_load((SUPERVISION / "alerts.yml").read_text(encoding="utf-8"))["groups"]
PATIENCE = 120.0


@dataclass(frozen=True)
class Prometheus:
    """Serveur en marche."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Séries que cette requête trouve."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=30)
        assert answer.status_code == 200, f"{expression} : {answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def firing(self) -> set[str]:
        """Alertes qui sonnent."""
        found = httpx.get(f"{self.url}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    def wait_firing(self, *names: str) -> None:
        """Attend que ces alertes aient sonné ; une alerte brève est gardée par sa série."""
        for name in names:
            seen = f'last_over_time(ALERTS{{alertname="{name}", alertstate="firing"}}[1h])'
            wait_until(lambda seen=seen: bool(self.query(seen)), PATIENCE, f"alerte {name}")  # type: ignore[misc]


def program(name: str) -> str:
    """Commande du paquet Debian ; `make test-peers` l'installe."""
    found = shutil.which(name)
    assert found, f"{name} est introuvable : « sudo apt-get install prometheus »."
    return found


def promtool(*arguments: str, text: str = "") -> str:
    """Ce que dit promtool, qui doit réussir."""
    done = subprocess.run(
        [program("promtool"), *arguments], input=text, capture_output=True, text=True, check=False, cwd=SUPERVISION
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def scraping(folder: Path, targets: Mapping[str, int]) -> Iterator[Prometheus]:
    """Prometheus qui lit ces ports deux fois par seconde ; `targets` : leur nom, qui est leur `instance`."""
    folder.mkdir()
    rules = [
        {**group, "rules": [{k: v for k, v in rule.items() if k != "for"} for rule in group["rules"]]}
        for group in RULES
    ]
    (folder / "alerts.yml").write_text(json.dumps({"groups": rules}), encoding="utf-8")
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "passerelle",
                "static_configs": [
                    {"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in targets.items()
                ],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "journal").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            found = Prometheus(f"http://127.0.0.1:{port}")

            def ready() -> bool:
                assert process.poll() is None, (folder / "journal").read_text(encoding="utf-8")[-2000:]
                try:
                    return httpx.get(f"{found.url}/-/ready", timeout=5).status_code == 200
                except httpx.TransportError:
                    return False

            wait_until(ready, PATIENCE, "Prometheus prêt")
            yield found
        finally:
            process.terminate()
