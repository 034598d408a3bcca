"""Le produit sans torch : il sert depuis l'environnement léger, et ses exemplaires depuis celui de leur moteur.

Le dernier essai tue le superviseur.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import TIGHT_PROFILE
from tests.support.light_environment import make_light_environment
from tests.support.product import Product, running_product

ABSENT = "/absent/bin/python"


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Produit lancé depuis l'environnement léger ; celui de l'essai n'est que pour l'exemplaire de `qwen`."""
    folder = tmp_path_factory.mktemp("l")
    python = make_light_environment(folder / "leger")
    profile = folder / "leger.toml"
    model = TIGHT_PROFILE.partition("[[models]]")[2]
    other = model.replace('key = "qwen"', 'key = "orphelin"').replace('"alias-essai"', "")
    profile.write_text(
        "".join(f"[[models]]\npython = '{own}'\n{text}" for own, text in ((sys.executable, model), (ABSENT, other))),
        encoding="utf-8",
    )
    env = {"PASSERELLE_PROFILE": str(profile), "PASSERELLE_WEIGHTS_DIR": str(Path(sys.prefix) / "weights")}
    with running_product(folder, env=env, python=str(python)) as running:
        yield running


def test_the_worker_alone_has_the_engine(light: Product) -> None:
    light.ensure_ready()
    body = {"model": "qwen", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4, "temperature": 0}
    with light.http() as client:
        assert client.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]
        assert client.get("/").status_code == 200
    programs = {}
    for process in light.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            command = process.cmdline()
            if command[1:3] == ["-m", "server"]:
                programs[command[3]] = command[0]
    assert programs.pop("worker") == sys.executable
    assert set(programs) >= {"control", "front", "dashboard"}
    assert set(programs.values()) == {light.process.args[0]}  # type: ignore[index]


def test_a_missing_interpreter_is_said_at_load(light: Product) -> None:
    response = light.admin("load", "orphelin", wait=True)
    error = response.json()["error"]
    assert (response.status_code, error["reason"]) == (501, "ENGINE_UNAVAILABLE"), response.text
    assert ABSENT in error["message"]
    assert light.model("orphelin")["state"] != "MODEL_STATE_READY"


def test_killing_the_supervisor_leaves_no_orphan(light: Product) -> None:
    light.ensure_ready()
    children = light.processes()
    assert len(children) >= 5
    light.process.kill()
    light.process.wait(10)
    _, alive = psutil.wait_procs(children, timeout=15)
    assert not alive, [p.cmdline() for p in alive]
