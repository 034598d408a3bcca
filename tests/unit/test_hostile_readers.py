"""Les lecteurs du dedans : liaison, échantillons, profil, réglages, disque. Ce qui s'y lit mal y est refusé, ou vaut absent."""

import asyncio
import contextlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from passerelle.v1 import model_verbs_pb2
from passerelle.worker.v1 import link_pb2

from server.control.services.orders import to_order
from server.control.weights.cache import MANIFEST, PLAN, inspect, model_dir, selection
from server.control.weights.hub_files import Target, _elsewhere
from server.control.weights.hub_listing import HubFile, from_disk
from server.control.weights.hub_plan import read_plan, withdraw
from server.control.weights.verify import survey
from server.domain import HubRepository, Limits, ModelSpec
from server.errors import PasserelleError
from server.link.framing import FrameConnection
from server.settings.config import load_config
from server.settings.profile import PROFILES_DIR, load_profile
from server.speech.decode import RawFormat
from server.speech.pcm import CODINGS, PcmReader
from server.tables import ConfigError, read_table
from tests.support import hostile
from tests.support.properties import RANDOMS

MAX_FRAME = 4096


class Wire(asyncio.Transport):
    """Transport dont on ne retient que la fermeture."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def frames(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    """Trames qu'une liaison lit de ces morceaux, et si elle s'est fermée."""
    found: list[bytes] = []
    wire = Wire()

    def keep(frame: link_pb2.Frame) -> None:
        found.append(frame.SerializeToString(deterministic=True))

    connection = FrameConnection(MAX_FRAME, keep, lambda _reason: None)
    connection.connection_made(wire)
    for piece in pieces:
        if wire.aborted:
            break
        connection.data_received(piece)
        assert wire.aborted or len(connection._buffer) < MAX_FRAME + 4
    return found, wire.aborted


@given(rng=RANDOMS)
def test_damaged_frames_are_read_the_same_wherever_they_are_cut(rng: Random) -> None:
    written = b""
    for _ in range(rng.randint(1, 5)):
        data = hostile.damaged_message(rng, hostile.any_message(rng, link_pb2.Frame.DESCRIPTOR, 2))
        written += len(data).to_bytes(4, "big") + data
    written = hostile.damaged(rng, written) if rng.random() < 0.5 else written
    # Un morceau n'est jamais plus long que ce que lit une boucle asyncio ; la trame s'y cherche à chaque fois.
    assert frames(hostile.cut(rng, written)) == frames([written[at : at + 1024] for at in range(0, len(written), 1024)])


@pytest.mark.parametrize("encoding", CODINGS)
@given(rng=RANDOMS, channels=st.integers(1, 8), data=st.binary(max_size=400))
def test_samples_are_read_the_same_wherever_they_are_cut(
    encoding: str, rng: Random, channels: int, data: bytes
) -> None:
    def read(pieces: list[bytes]) -> tuple[bytes, int]:
        reader = PcmReader(RawFormat(encoding, 16000, channels))
        waves = [reader.push(piece) for piece in pieces]
        return np.concatenate([*waves, np.zeros(0, np.float32)]).tobytes(), reader.rest

    assert read(hostile.cut(rng, data)) == read([data])


PROFILE = (PROFILES_DIR / "embarque.toml").read_text(encoding="utf-8")
MODELS = tomllib.loads((PROFILES_DIR / "dgx.toml").read_text(encoding="utf-8"))["models"]


@given(rng=RANDOMS)
def test_damaged_tables(rng: Random) -> None:
    with contextlib.suppress(ConfigError):
        read_table("models[0]", hostile.damaged_value(rng, rng.choice(MODELS)), ModelSpec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("abimes")


@given(rng=RANDOMS)
def test_damaged_profiles(folder: Path, rng: Random) -> None:
    path = folder / "abime.toml"
    path.write_bytes(hostile.damaged(rng, PROFILE.encode()))
    with contextlib.suppress(ConfigError):
        load_profile(str(path))


def variables() -> Iterator[str]:
    """Variables que la documentation nomme."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("| `"):
            yield line.split("`")[1]


SETTINGS = st.dictionaries(
    st.sampled_from(sorted(set(variables()) - {"PASSERELLE_PROFILE"})),
    st.sampled_from([text.replace("\0", "") for text in hostile.TEXTS] + [str(number) for number in hostile.NUMBERS]),
    max_size=3,
)


@given(settings=SETTINGS)
def test_settings(settings: dict[str, str]) -> None:
    with contextlib.suppress(ConfigError):
        load_config({"PASSERELLE_PROFILE": "embarque"} | settings)


@given(rng=RANDOMS)
def test_load_orders(rng: Random) -> None:
    for kind in (model_verbs_pb2.LoadModelRequest, model_verbs_pb2.CheckLoadRequest):
        request = cast(Any, hostile.any_message(rng, kind.DESCRIPTOR))
        with contextlib.suppress(PasserelleError):
            to_order(request, Limits())


COMMIT = "c" * 40
MANIFEST_VALUE = {"revision": "main", "files": {"a.bin": {"bytes": 3, "sha256": "0" * 64}}, "commit": COMMIT}
TREE = {"format_version": 1, "files": {"a.bin": {"size": 3, "lfs_sha256": "0" * 64, "blob_id": "1" * 40}}}
FILE = HubFile("a.bin", 3, "0" * 64)
WANTED = HubRepository("org/depot", "main")
PLAN_VALUE = {"total": 3, "commit": COMMIT, "repositories": [{"commit": COMMIT, "files": [asdict(FILE)]}]}
INDEX = {"weight_map": {"couche": "a.bin"}}


@given(rng=RANDOMS)
def test_a_damaged_cache(folder: Path, rng: Random) -> None:
    spec = load_profile("dgx").models[0]
    weights = model_dir(folder, spec)
    store = folder / "models--org--depot"
    snapshot = store / "snapshots" / COMMIT
    blob = store / "blobs" / ("0" * 64)
    for directory in (weights, snapshot, blob.parent, store / "trees", store / "refs"):
        directory.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(b"abc")
    for name in ("a.bin", "model.safetensors.index.json"):
        (snapshot / name).unlink(missing_ok=True)
        (snapshot / name).symlink_to(blob)
    blob.write_bytes(written(rng, INDEX))
    (store / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    for path, value in (
        (weights / MANIFEST, MANIFEST_VALUE | {"revision": spec.source.revision}),
        (weights / PLAN, PLAN_VALUE | {"revision": spec.source.revision, "selection": selection(spec.source)}),
        (store / "trees" / f"{COMMIT}.json", TREE),
    ):
        path.unlink(missing_ok=True)
        if rng.random() < 0.8:
            path.write_bytes(written(rng, value))
    inspect(folder, spec)
    survey(folder, spec, deep=True)
    read_plan(weights, spec.source)
    withdraw(weights, spec.source, ())
    list(_elsewhere(Target(FILE, WANTED, COMMIT, "a.bin", weights), [folder], folder / spec.key))
    from_disk(WANTED, folder, [folder])


def written(rng: Random, value: Any) -> bytes:
    """Fichier JSON abîmé, dans son texte ou dans ce qu'il dit."""
    if rng.random() < 0.3:
        return hostile.damaged(rng, json.dumps(value).encode())
    return hostile.json_bytes(hostile.damaged_value(rng, value))
