"""Le paquet Helm : rendu et vérifié par Helm et les schémas de Kubernetes, lu par le produit lui-même."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from server.domain import Limits
from server.settings.config import Config, load_config
from server.settings.secrets import FILES
from server.tables import ConfigError
from tests.unit.test_docs import _variables
from tests.unit.test_measures import exposed

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm"
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VERSIONS = ("1.27", "1.37")
"""La plus ancienne qu'admet le paquet, et la plus récente que l'on sache vérifier."""
OWN = {"HOME", "WATCHED", "PERIOD"}
"""Variables qui ne sont pas des réglages du serveur."""
OPERATOR = {"ServiceMonitor", "PrometheusRule"}
"""Objets de l'opérateur de Prometheus, dont Kubernetes n'a pas le schéma."""
SECRETS = {*FILES.values()}

EVERYTHING: dict[str, Any] = {
    "fullnameOverride": "ia",
    "image": {"tag": "essai", "pullSecrets": [{"name": "registre"}]},
    "replicas": 3,
    "profile": {"toml": (ROOT / "server/profiles/dgx.toml").read_text("utf-8")},
    "settings": {
        "PASSERELLE_MAX_N": 4,
        "PASSERELLE_GRPC_COMPRESSION": True,
        "PASSERELLE_SHARES": "1=4 2=3",
        "PASSERELLE_MAX_UPLOAD_BYTES": 4294967296,
    },
    "env": {"PASSERELLE_MAX_IMAGE_BYTES": 12_345_678, "HTTPS_PROXY": "http://mandataire:3128"},
    "envFrom": [{"secretRef": {"name": "mandataire"}}],
    "advertisedHosts": ["https://ia.exemple", "ia.exemple:8000"],
    "keys": {"named": "keys.json"},
    "hub": {"secret": "hub"},
    "tls": {"secret": "certificat", "clientCA": True},
    "gpu": {"count": 3, "runtimeClassName": "nvidia"},
    "resources": {"limits": {"memory": "128Gi"}},
    "state": {"storageClass": "nvme"},
    "weights": {"existingClaim": "poids", "readOnly": True, "fetch": {"models": ["qwen", "canary"]}},
    "scratch": {"tmp": {"medium": "Memory"}},
    "stop": {"graceSeconds": 600, "drainSeconds": 5, "preStopSeconds": 20},
    "service": {"type": "LoadBalancer", "port": 443, "annotations": {"a": "b"}},
    "networkPolicy": {"from": [{"podSelector": {"matchLabels": {"appelle": "ia"}}}], "egressPorts": [443, 4317]},
    "supervision": {
        "serviceMonitor": {"enabled": True, "secret": "metriques", "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "autoscaling": {"enabled": True},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"gpu": "h200"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
}
NOTHING: dict[str, Any] = {
    "keys": {"secret": "", "required": False},
    "gpu": {"count": 0},
    "weights": {"fetch": {"enabled": False}},
    "disruption": {"enabled": False},
    "networkPolicy": {"enabled": False},
}
CASES: dict[str, dict[str, Any]] = {
    "défaut": {},
    "embarque": yaml.safe_load((CHART / "values-embarque.yaml").read_text("utf-8")),
    "tout": EVERYTHING,
    "rien": NOTHING,
    "tls": {"tls": {"secret": "certificat"}},
}


@pytest.fixture(scope="module")
def chart() -> Iterator[helm_python.Chart]:
    with helm_python.Chart.load(str(CHART)) as loaded:
        yield loaded


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def render(chart: helm_python.Chart, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Objets que Helm enverrait à Kubernetes."""
    files = chart.render(values, name="essai", namespace="ia")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def pod(objects: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = only(objects, "StatefulSet")["spec"]["template"]["spec"]
    return found


def only(objects: list[dict[str, Any]], kind: str, number: int = 0) -> dict[str, Any]:
    return [one for one in objects if one["kind"] == kind][number]


def containers(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in [*spec.get("initContainers", ()), *spec["containers"]]}


def environ(container: dict[str, Any]) -> dict[str, str]:
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names))
    return {one["name"]: one["value"] for one in container["env"]}


def read(objects: list[dict[str, Any]], name: str, folder: Path) -> Config:
    """Réglages que le serveur lirait dans ce conteneur, ses volumes mis dans `folder`."""
    container = containers(pod(objects))[name]
    mounted = [one["mountPath"] for one in container["volumeMounts"]]
    files = only(objects, "ConfigMap")["data"]
    values = {}
    for variable, value in environ(container).items():
        if value.startswith("/"):
            assert any(value.startswith(f"{path}/") or value == path for path in mounted), f"{variable} : {value}"
            path = folder / value[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name in files:
                path.write_text(files[path.name], "utf-8")
            elif variable.endswith("KEYS_FILE"):
                path.write_text('{"keys": []}' if path.suffix == ".json" else path.name, "utf-8")
            elif variable.endswith("TOKEN_FILE"):
                path.write_text("hf_essai", "utf-8")
            value = str(path)
        values[variable] = value
    return load_config(values)


def test_every_object_is_one_kubernetes_admits(chart: helm_python.Chart, case: str) -> None:
    kinds = set()
    for one in render(chart, CASES[case]):
        kinds.add(one["kind"])
        if one["kind"] not in OPERATOR:
            for version in VERSIONS:
                kubernetes_validate.validate(one, version, strict=True)
    if case == "tout":
        assert kinds == OPERATOR | {
            *("StatefulSet", "Service", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy", "HorizontalPodAutoscaler")
        }
    if case == "rien":
        assert kinds == {"StatefulSet", "Service", "ConfigMap"}


def test_a_strict_schema_refuses_a_wrong_field(chart: helm_python.Chart) -> None:
    wrong = only(render(chart, {}), "StatefulSet")
    wrong["spec"]["template"]["spec"]["terminationGraceSeconds"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_helm_finds_nothing_to_say() -> None:
    report = helm_python.lint(str(CHART))
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"] and not report["errors"]
    about = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'version = "{about["appVersion"]}"' in project and about["version"] == about["appVersion"]


def test_the_server_reads_what_the_chart_gives(chart: helm_python.Chart, case: str, tmp_path: Path) -> None:
    values = chart.merge_values(CASES[case])
    # Le profil embarque cherche ses poids dans son environnement ; ses réglages ne dépendent pas de lui.
    config = read(render(chart, CASES[case]), "passerelle", tmp_path)
    assert (config.stop_grace, config.drain_seconds) == (values["stop"]["graceSeconds"], values["stop"]["drainSeconds"])
    assert config.cache_dir == tmp_path / "models" and config.state_dir == tmp_path / "state/passerelle"
    if case == "tout":
        assert (config.limits.max_n, config.limits.max_upload_bytes) == (4, 1 << 32) and config.keys_file is not None
        assert config.limits.max_image_bytes == 12_345_678


def test_the_weights_are_fetched_with_the_same_settings(chart: helm_python.Chart, case: str, tmp_path: Path) -> None:
    objects = render(chart, CASES[case])
    found = containers(pod(objects))
    if case == "rien":
        assert "weights" not in found
        return
    fetched, serving = read(objects, "weights", tmp_path / "1"), read(objects, "passerelle", tmp_path / "2")
    assert fetched.profile.models == serving.profile.models
    assert found["weights"]["args"] == (["fetch", "qwen", "canary"] if case == "tout" else ["fetch", "--all"])
    mounts = {name: {one["name"]: one for one in found[name]["volumeMounts"]} for name in ("weights", "passerelle")}
    assert "readOnly" not in mounts["weights"]["weights"]
    assert mounts["passerelle"]["weights"]["readOnly"] is (case == "tout")


def test_the_times_agree_with_the_product(chart: helm_python.Chart, case: str, tmp_path: Path) -> None:
    objects = render(chart, CASES[case])
    spec, config = pod(objects), read(objects, "passerelle", tmp_path)
    server = containers(spec)["passerelle"]
    command = server["lifecycle"]["preStop"]["exec"]["command"]
    # La même marge que « docker stop » (docs/conteneur.md), après que le cluster a cessé d'envoyer.
    stopping = config.stop_grace + config.drain_seconds + 60
    assert command[0] == "/bin/sleep" and spec["terminationGracePeriodSeconds"] == int(command[1]) + stopping
    # Le chien de garde répare un processus figé, puis le front sert de nouveau, avant que Kubernetes ne tue le pod.
    alive = server["livenessProbe"]
    assert alive["periodSeconds"] * alive["failureThreshold"] >= 2 * config.watchdog_seconds
    startup = server["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 300


@pytest.mark.parametrize("where", ["env", "settings"])
def test_a_probe_shorter_than_the_watchdog_is_refused(chart: helm_python.Chart, where: str) -> None:
    longer = {where: {"PASSERELLE_WATCHDOG_SECONDS": "120"}}
    with pytest.raises(helm_python.HelmError, match=r"muet depuis 90 s .* PASSERELLE_WATCHDOG_SECONDS \(120 s\)"):
        render(chart, longer)
    times = {"periodSeconds": 30, "timeoutSeconds": 5, "failureThreshold": 8}
    assert (
        containers(pod(render(chart, longer | {"probes": {"liveness": times}})))["passerelle"]["livenessProbe"].items()
        > times.items()
    )
    # Éteint, il ne répare rien : Kubernetes seul le fait.
    render(chart, {where: {"PASSERELLE_WATCHDOG_SECONDS": 0}})


def test_the_probes_ask_what_they_mean(chart: helm_python.Chart, case: str) -> None:
    server = containers(pod(render(chart, CASES[case])))["passerelle"]
    paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for name, path in paths.items():
        if case == "tout":
            # Un certificat de client est exigé : kubelet n'en a pas.
            assert server[name]["exec"]["command"][-2:] == ["/opt/passerelle/deploy/healthcheck.py", path]
        else:
            scheme = "HTTPS" if case == "tls" else "HTTP"
            assert server[name]["httpGet"] == {"path": path, "port": "http", "scheme": scheme}


@pytest.mark.parametrize(
    ("value", "variable", "most"),
    [("graceSeconds", "PASSERELLE_STOP_GRACE", 3600), ("drainSeconds", "PASSERELLE_DRAIN_SECONDS", 30)],
)
def test_the_bounds_are_the_product_s(chart: helm_python.Chart, value: str, variable: str, most: int) -> None:
    render(chart, {"stop": {value: most}})
    load_config({variable: str(most)})
    with pytest.raises(helm_python.HelmError):
        render(chart, {"stop": {value: most + 1}})
    with pytest.raises(ConfigError):
        load_config({variable: str(most + 1)})


def test_every_variable_is_a_documented_one(chart: helm_python.Chart) -> None:
    known = _variables().keys() | {f"PASSERELLE_{limit.name.upper()}" for limit in fields(Limits)}
    given = {
        name
        for case in CASES.values()
        for one in containers(pod(render(chart, case))).values()
        for name in environ(one)
    }
    assert len(given) > 15 and not given - OWN - known
    refused = set(SCHEMA["definitions"]["variables"]["propertyNames"]["not"]["enum"])
    assert not refused - OWN - SECRETS - known
    # Ce que le paquet décide, et tout secret, ne se donne pas aussi parmi les réglages.
    free = {*EVERYTHING["env"], "WATCHED", "PERIOD"}
    assert given - free <= refused and {*FILES, *FILES.values()} <= refused


def test_no_secret_is_in_clear(chart: helm_python.Chart, case: str) -> None:
    objects = render(chart, CASES[case])
    assert not [one for one in objects if one["kind"] == "Secret"]
    lines = only(objects, "ConfigMap")["data"]["passerelle.env"].splitlines()
    assert not SECRETS & {line.partition("=")[0] for line in lines}
    for container in containers(pod(objects)).values():
        assert not SECRETS & environ(container).keys()
        # Un volume entier : une mise à jour du Secret n'atteint pas un fichier monté seul.
        assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]


def test_a_pod_can_do_nothing_more(chart: helm_python.Chart, case: str) -> None:
    spec = pod(render(chart, CASES[case]))
    assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
    security = spec["securityContext"]
    image = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}" in image and security["runAsNonRoot"] is True
    assert security["fsGroup"] == security["runAsGroup"] and security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(spec).values():
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
    server = containers(spec)["passerelle"]
    writable = {one["mountPath"] for one in server["volumeMounts"] if not one.get("readOnly")}
    # Les endroits où l'image écrit (docs/conteneur.md).
    assert writable | {"/models"} == {"/models", "/state", "/run/passerelle", "/tmp", "/dev/shm"}
    assert (server["resources"]["limits"].get("nvidia.com/gpu") or 0) == {"tout": 3, "embarque": 0, "rien": 0}.get(
        case, 1
    )


def test_state_is_a_pod_s_own_and_weights_may_be_shared(chart: helm_python.Chart) -> None:
    def claims(case: str) -> set[str]:
        templates = only(render(chart, CASES[case]), "StatefulSet")["spec"]["volumeClaimTemplates"]
        return {one["metadata"]["name"] for one in templates}

    assert claims("défaut") == {"state", "weights"} and claims("tout") == {"state"}


def test_supervision_finds_the_pods_and_the_alerts(chart: helm_python.Chart) -> None:
    objects = render(chart, EVERYTHING)
    monitor, service = only(objects, "ServiceMonitor")["spec"], only(objects, "Service", 1)
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert not monitor["selector"]["matchLabels"].items() <= only(objects, "Service")["metadata"]["labels"].items()
    [end] = monitor["endpoints"]
    assert end["port"] == service["spec"]["ports"][0]["name"] and service["spec"]["publishNotReadyAddresses"] is True
    alerts = yaml.safe_load((ROOT / "deploy/supervision/alerts.yml").read_text("utf-8"))
    assert only(objects, "PrometheusRule")["spec"] == alerts
    assert end["relabelings"] == [{"targetLabel": "job", "replacement": "passerelle"}]


def test_the_scale_follows_a_measure_that_exists(chart: helm_python.Chart) -> None:
    objects = render(chart, EVERYTHING)
    scale = only(objects, "HorizontalPodAutoscaler")["spec"]
    assert scale["metrics"][0]["pods"]["metric"]["name"] in exposed()
    stateful = only(objects, "StatefulSet")
    assert scale["scaleTargetRef"]["name"] == stateful["metadata"]["name"] and "replicas" not in stateful["spec"]


@pytest.mark.parametrize(
    "values",
    [
        {"replica": 2},
        {"replicas": -1},
        {"gpu": {"count": "deux"}},
        {"stop": {"marginSeconds": 5}},
        {"settings": {"OPENAI_KEYS": "cle"}},
        {"env": {"HF_TOKEN": "hf_essai"}},
        {"env": {"HTTPS_PROXY": "http://moi:secret@mandataire:3128"}},
        {"settings": {"PASSERELLE_STOP_GRACE": "10"}},
        {"settings": {"PASSERELLE_BUILD": "a\nOPENAI_KEYS=b"}},
        {"state": {"size": "beaucoup"}},
        {"service": {"port": 70000}},
        {"profile": {"name": "Mon Profil"}},
        {"weights": {"fetch": {"models": ["--all"]}}},
        {"probes": {"liveness": {"failureThreshold": 0}}},
    ],
)
def test_a_wrong_value_is_refused(chart: helm_python.Chart, values: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError, match="schema"):
        render(chart, values)


def test_every_value_has_its_shape() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert values.keys() | {"global"} == SCHEMA["properties"].keys()


def test_keys_are_read_again_when_kubernetes_replaces_them(tmp_path: Path) -> None:
    """Le vrai guetteur, devant un volume de Secret : un dossier neuf, et le lien `..data` qui y mène remplacé d'un coup."""
    volume, told, up = tmp_path / "keys", tmp_path / "told", tmp_path / "up"

    def put(number: int) -> None:
        fresh = volume / f"..{number}"
        fresh.mkdir(parents=True)
        (fresh / "openai-keys").write_text(f"cle-{number}")
        (volume / "..next").symlink_to(fresh.name)
        (volume / "..next").rename(volume / "..data")

    put(1)
    (volume / "openai-keys").symlink_to("..data/openai-keys")
    os.mkfifo(told)
    stub = tmp_path / "passerelle"
    stub.write_text(f"""#!/bin/sh
if [ -e {up} ]; then said=relu; else said=refus; fi
echo "$1 $(cat {volume}/openai-keys) $said" >{told}
[ $said = relu ]
""")
    stub.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "WATCHED": str(volume), "PERIOD": "0.05"}
    command = ("/bin/sh", "-c", (CHART / "files/reload.sh").read_text("utf-8"))
    with told.open("r+b", buffering=0) as heard, subprocess.Popen(command, env=env) as watcher:
        try:
            # Un serveur qui n'est pas encore là, ou qui refuse : redemandé.
            assert [heard.readline() for _ in range(2)] == [b"reload cle-1 refus\n"] * 2
            up.touch()
            while (line := heard.readline()) == b"reload cle-1 refus\n":
                pass
            assert line == b"reload cle-1 relu\n"
            # Rien n'est redemandé sans changement : la ligne suivante est celle de la clé neuve.
            put(2)
            assert heard.readline() == b"reload cle-2 relu\n"
        finally:
            watcher.kill()
