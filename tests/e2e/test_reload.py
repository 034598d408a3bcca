"""Les réglages et le profil relus : ce qui n'a pas changé continue de servir, un fichier faux ne change rien."""

import dataclasses
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from server.settings.profile import PROFILES_DIR
from tests.e2e.conftest import TIGHT_PROFILE
from tests.support.product import ROOT, Product, running_product, sse_events, wait_until

RECORDING = ROOT / "tests" / "data" / "en" / "austen-0880.wav"
SETTINGS = """# Réglages d'essai.
OPENAI_KEYS=cle-a
ADMIN_KEYS="cle-admin"
PASSERELLE_MAX_N=2
"""


def profile(**contexts: int) -> str:
    """Un modèle de conversation par clé, et son contexte."""
    start = TIGHT_PROFILE.index("[[models]]")
    models = ""
    for key, context in contexts.items():
        text = TIGHT_PROFILE[start:].replace('key = "qwen"', f'key = "{key}"').replace('["alias-essai"]', "[]")
        models += re.sub(r"(context_tokens\w*) = 512", rf"\1 = {context}", text)
    return 'notice = "Essai."\n' + models


def recognisers(*keys: str) -> str:
    """Le modèle de reconnaissance livré, une fois par clé, chacun sous son alias."""
    text = (PROFILES_DIR / "embarque.toml").read_text(encoding="utf-8")
    start = text.index('[[models]]\nkey = "canary"')
    block = text[start : text.index("\n[[models]]\n", start)]
    models = [block.replace('key = "canary"', f'key = "{key}"') for key in keys]
    return "\n".join(
        re.sub("aliases = .*", f'aliases = ["autre-{key}"]', one) for key, one in zip(keys, models, strict=True)
    )


@dataclasses.dataclass(frozen=True)
class Rig:
    """Le produit, et les deux fichiers qu'on y change."""

    product: Product
    settings: Path
    profile: Path

    def reload(self) -> subprocess.CompletedProcess[str]:
        """Le rechargement."""
        return self.types("reload")

    def types(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Une commande, telle qu'on la tape."""
        env = {
            "PATH": os.environ["PATH"],
            "PASSERELLE_RUN_BASE": str(self.product.run_dir.parent),
            "HOST_PORT": str(self.product.port),
        }
        command = [str(ROOT / "passerelle"), *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=200, check=False)

    def pids(self, role: str) -> set[int]:
        """Processus qui jouent ce rôle, ou exemplaires de ce modèle."""
        found = set()
        for process in self.product.processes():
            try:
                words = process.cmdline()
            except psutil.NoSuchProcess:
                continue
            if role in words:
                found.add(process.pid)
        return found

    def worker(self, key: str) -> int:
        """Processus de l'exemplaire d'un modèle."""
        [replica] = self.product.model(key)["replicas"]
        pid: int = replica["pid"]
        return pid

    def story(self) -> httpx.Response:
        """Un flux qui dure le temps de tout changer."""
        body = {
            "model": "garde",
            "messages": [{"role": "user", "content": "Tell me a long story."}],
            "max_tokens": 400,
            "ignore_eos": True,
            "stream": True,
        }
        with self.product.http(timeout=200) as client:
            return client.post("/v1/chat/completions", json=body)

    def hears(self, key: str) -> str:
        """Ce qu'un modèle entend d'une phrase."""
        with self.product.http(timeout=120) as client:
            files = {"file": RECORDING.read_bytes()}
            said = client.post("/v1/audio/transcriptions", data={"model": key, "language": "en"}, files=files)
        text: str = said.json().get("text", said.text)
        return text.lower()

    def announced(self) -> dict[str, str]:
        """Noms que `/v1/models` annonce, et la clé que chacun désigne."""
        with self.product.http() as client:
            return {one["id"]: one["root"] for one in client.get("/v1/models").json()["data"]}

    def counted(self, *keys: str) -> list[int]:
        """Requêtes finies de chaque modèle, d'après `/metrics`."""
        text = httpx.get(f"{self.product.base_url}/metrics", timeout=30).text
        found = re.findall(r'passerelle_generations_total{.*model="(\w+)",status="OK"} (\d+)', text)
        return [int(dict(found).get(key, 0)) for key in keys]

    def says_hello(self, key: str = "garde", api_key: str = "cle-a", **fields: object) -> int:
        """Statut d'une requête brève."""
        body = {"model": key, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2, **fields}
        with self.product.http(api_key, timeout=120) as client:
            return client.post("/v1/chat/completions", json=body).status_code


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("relus")
    settings, models = folder / "passerelle.env", folder / "essai.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    models.write_text(profile(garde=512, change=512, part=512), encoding="utf-8")
    env = {
        "PASSERELLE_SETTINGS_FILE": str(settings),
        "PASSERELLE_PROFILE": str(models),
        "PASSERELLE_BIND": "127.0.0.1",
        # Le flux d'un front remplacé finit, aussi lente que soit la machine.
        "PASSERELLE_STOP_GRACE": "120",
    }
    with running_product(folder, env=env) as running:
        found = Rig(dataclasses.replace(running, api_key="cle-a", admin_key="cle-admin"), settings, models)
        for key in ("garde", "change", "part"):
            found.product.ensure_ready(key)
        yield found


def test_what_is_wrong_changes_nothing_and_says_where(rig: Rig) -> None:
    before = {process.pid for process in rig.product.processes()}
    refused = [
        (rig.settings, SETTINGS.replace("MAX_N=2", "MAX_N=beaucoup"), "ligne 4 : PASSERELLE_MAX_N : « beaucoup »"),
        (rig.settings, SETTINGS + "PASSERELLE_FRONTS\n", "ligne 5 : « NOM=valeur » est attendu"),
        (rig.settings, SETTINGS + "PASSERELLE_FRONTS=2\n", "PASSERELLE_FRONTS : ne change qu'à un redémarrage"),
        (
            rig.settings,
            SETTINGS + "OPENAI_KEYS_FILE=cles\n",
            "ligne 5 : OPENAI_KEYS_FILE : OPENAI_KEYS est donné aussi",
        ),
        (rig.profile, profile(garde=512) + "[[models", "essai.toml : TOML illisible"),
        (rig.profile, profile(garde=512).replace('"llamacpp"', '"inconnu"'), "essai.toml.models[0].engine"),
    ]
    for path, text, words in refused:
        good = path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        done = rig.reload()
        assert done.returncode == 1 and words in done.stderr, (text, done)
        path.write_text(good, encoding="utf-8")
    assert rig.reload().stdout == "réglages relus : rien n'a changé\n"
    assert {process.pid for process in rig.product.processes()} == before
    # Ce que l'exploitant est en train d'écrire ne touche pas ce qui se relance de lui-même.
    good = rig.profile.read_text(encoding="utf-8")
    rig.profile.write_text("[[models", encoding="utf-8")
    fallen = rig.worker("part")
    psutil.Process(fallen).kill()
    wait_until(
        lambda: [one["pid"] for one in rig.product.model("part")["replicas"] if one["pid"] != fallen] != [],
        60,
        "exemplaire relancé",
    )
    rig.profile.write_text(good, encoding="utf-8")


def test_models_are_added_changed_and_removed_while_another_serves(rig: Rig) -> None:
    kept, changed, fronts = rig.worker("garde"), rig.worker("change"), rig.pids("front")
    rig.profile.write_text(profile(garde=512, change=256, neuf=512), encoding="utf-8")
    with ThreadPoolExecutor(1) as pool:
        story = pool.submit(rig.story)
        wait_until(
            lambda: rig.product.model("garde")["replicas"][0].get("running_requests") == 1, 60, "un flux en cours"
        )
        done = rig.reload()
        assert (done.returncode, done.stdout) == (0, "réglages relus, plan de contrôle relancé\n"), done
        assert sse_events(story.result().text)[-1] == "[DONE]"
    wait_until(
        lambda: (
            [m["key"] for m in rig.product.status()["models"] if m["state"] == "MODEL_STATE_READY"]
            == ["garde", "change"]
        ),
        90,
        "le modèle changé est revenu",
    )
    assert rig.worker("garde") == kept and rig.worker("change") != changed and rig.pids("front") == fronts
    with rig.product.http() as client:
        shown = {one["key"]: one["context_tokens"] for one in client.get("/api/capabilities").json()["models"]}
    assert shown == {"garde": 512, "change": 256, "neuf": 512}
    wait_until(lambda: not rig.pids("part"), 60, "le modèle retiré est parti")
    assert rig.says_hello("part") == 404 and rig.says_hello("neuf") == 200


def test_models_are_added_and_removed_by_the_command_line(rig: Rig, tmp_path: Path) -> None:
    kept, written, good = rig.worker("garde"), rig.profile.read_bytes(), rig.settings.read_text(encoding="utf-8")
    overlay = rig.product.cache_dir / ".passerelle" / "models.toml"
    chat, speech = tmp_path / "texte.toml", tmp_path / "parole.toml"
    chat.write_text(profile(second=384).replace("aliases = []", 'aliases = ["gpt-a-nous"]'), encoding="utf-8")
    chat.write_text(chat.read_text(encoding="utf-8").split("\n", 1)[1], encoding="utf-8")
    speech.write_text(recognisers("oreille", "ouie"), encoding="utf-8")
    # Ce que le rechargement refuse n'est pas écrit : un redémarrage ne le prendrait pas non plus.
    rig.settings.write_text(good + "PASSERELLE_FRONTS=2\n", encoding="utf-8")
    refused = rig.types("models", "add", "--from", str(chat))
    assert refused.returncode == 1 and "PASSERELLE_FRONTS : ne change qu'à un redémarrage" in refused.stderr
    assert "restés ce qu'ils étaient" in refused.stderr and not overlay.exists()
    rig.settings.write_text(good, encoding="utf-8")
    # Deux terminaux à la fois : aucun ne perd ce que l'autre ajoute.
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda path: rig.types("models", "add", "--from", str(path)), (chat, speech)))
    assert [one.returncode for one in done] == [0, 0], done
    wanted = {"second": "second", "gpt-a-nous": "second", "oreille": "oreille", "autre-ouie": "ouie"}
    wait_until(lambda: rig.announced().items() >= wanted.items(), 60, "les modèles ajoutés sont annoncés")
    assert rig.says_hello("gpt-a-nous") == rig.says_hello("neuf") == 200
    for name in ("oreille", "autre-ouie"):
        assert "young man" in rig.hears(name)
    wait_until(lambda: rig.counted("second", "oreille", "ouie", "autre-ouie") == [1, 1, 1, 0], 30, "comptés par clé")
    listed = json.loads(rig.types("models", "--json").stdout)
    assert {one["key"]: one["origin"] for one in listed}.items() >= {"garde": "profile", "second": "added"}.items()
    # Ce qui sert ne part pas sans qu'on le dise ; ce qui part ne revient pas.
    busy = rig.types("models", "remove", "second", "--json")
    assert busy.returncode == 1 and json.loads(busy.stderr)["error"]["reason"] == "INVALID_STATE"
    assert rig.says_hello("second") == 200
    gone = rig.types("models", "remove", "second", "--unload")
    assert gone.returncode == 0, gone
    wait_until(lambda: not rig.announced().keys() & {"second", "gpt-a-nous"}, 60, "il n'est plus annoncé")
    assert rig.says_hello("second") == 404
    assert rig.worker("garde") == kept and rig.profile.read_bytes() == written
    assert "second" not in httpx.get(f"{rig.product.base_url}/readyz", timeout=10).text


def test_keys_and_limits_are_taken_while_a_model_serves(rig: Rig) -> None:
    kept, fronts = rig.worker("garde"), rig.pids("front")
    assert rig.says_hello(api_key="cle-b") == 401 and rig.says_hello(n=3) == 400
    secret = rig.settings.with_name("cles")
    secret.write_text("cle-a\ncle-b\n", encoding="utf-8")
    text = SETTINGS.replace("OPENAI_KEYS=cle-a", f"OPENAI_KEYS_FILE={secret}").replace("MAX_N=2", "MAX_N=3")
    rig.settings.write_text(text, encoding="utf-8")
    with ThreadPoolExecutor(1) as pool:
        story = pool.submit(rig.story)
        wait_until(
            lambda: rig.product.model("garde")["replicas"][0].get("running_requests") == 1, 60, "un flux en cours"
        )
        done = rig.reload()
        assert (done.returncode, done.stdout) == (
            0,
            "réglages relus, plan de contrôle relancé ; 1 front remplacé\n",
        ), done
        assert sse_events(story.result().text)[-1] == "[DONE]"
    assert rig.worker("garde") == kept and not rig.pids("front") & fronts
    assert rig.says_hello(api_key="cle-b") == 200 and rig.says_hello(n=3) != 400
    register = (rig.product.cache_dir / ".passerelle" / "audit.jsonl").read_text(encoding="utf-8")
    told = [line for line in map(json.loads, register.splitlines()) if line["action"] == "settings"][-1]
    assert {"limits.max_n", "openai_keys"} <= set(told["after"]) and len(told["after"]["openai_keys"]) == 2
    assert (told["before"]["limits.max_n"], told["after"]["limits.max_n"]) == (2, 3) and "cle-" not in register
    # Par le signal, la clé retirée du fichier des secrets ne vaut plus.
    secret.write_text("cle-b\n", encoding="utf-8")
    rig.product.process.send_signal(signal.SIGHUP)
    wait_until(lambda: rig.says_hello(api_key="cle-a") == 401, 90, "clé retirée")
    assert rig.says_hello(api_key="cle-b") == 200 and rig.worker("garde") == kept
