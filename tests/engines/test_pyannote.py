"""Le vrai pyannote.audio, sur le processeur, avec de petits pipelines faits sur place (`docs/moteurs.md`).

La suite de contrat d'abord, puis ce que les pipelines de production ont de propre.
"""

import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("PASSERELLE_TEST_ENGINE", "pyannote")

from server.engines.base import EngineSpec, unheard
from server.engines.base_audio import DiarizationOptions
from server.engines.pyannote.engine import PyannoteLoader, parts_of, require_on_device
from server.errors import ModelLoadFailed
from tests.contract.test_diarize_engine import *  # noqa: F403
from tests.support import tiny_pyannote
from tests.support.speech_engines import production

pytestmark = pytest.mark.filterwarnings("ignore")

WAVE = (np.random.default_rng(4).standard_normal(16000 * 11) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pyannote.legacy(tmp_path_factory.mktemp("3.1"))


async def test_a_pipeline_that_names_repositories_opens_without_network(
    legacy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    def refuse(_socket: socket.socket, address: Any) -> None:
        called.append(address)
        raise OSError("réseau interdit dans cet essai")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    engine: Any = production("pyannote", legacy)
    await engine.open()
    await engine.warm_up()
    found = await engine.diarize(WAVE, DiarizationOptions(num_speakers=2), lambda _s, _r: None)
    await engine.close()
    assert found.turns
    assert os.environ["PYANNOTE_METRICS_ENABLED"] == "0"
    assert [address for address in called if not str(address).startswith("/")] == []


async def test_a_repository_missing_from_the_folder_is_named(legacy: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes((legacy / "config.yaml").read_bytes())
    with pytest.raises(ModelLoadFailed, match=r"pyannote/segmentation-3\.0/pytorch_model\.bin|segmentation-3\.0"):
        await production("pyannote", tmp_path).open()


def test_a_part_left_behind_is_named(legacy: Path) -> None:
    spec = EngineSpec("pyannote", legacy, {"embedding_batch_size": 3}, threads=2, device="cpu")
    pipeline = PyannoteLoader(spec).load(spec, unheard)
    assert (pipeline.segmentation_batch_size, pipeline.embedding_batch_size) == (8, 3)
    parts = parts_of(pipeline)
    require_on_device(parts, "cpu")
    parts["embedding"].to("meta")
    with pytest.raises(ModelLoadFailed, match=r"embedding.*meta"):
        require_on_device(parts, "cpu")


async def test_an_unknown_option_is_named(legacy: Path) -> None:
    with pytest.raises(ModelLoadFailed, match=r"options\.vitesse"):
        await production("pyannote", legacy, vitesse=2).open()
