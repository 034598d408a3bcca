"""La parole servie, face au moteur appelé directement, dans la même exécution : WER, DER, temps réel, mémoire d'un envoi.

`python -m bench.speech [--parts accuracy,speed,diarization,upload] [--rounds 3] [--upload-megabytes 500]`. Les rapports
sont ceux du service au moteur nu, tour à tour. Les modèles aux dimensions de production : `bench.diarization`.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import jiwer
import numpy as np
import psutil

from bench.load import machine, spread
from server.control.weights.cache import model_dir
from server.engines.base import EngineSpec
from server.engines.base_audio import DiarizationOptions
from server.engines.pyannote.camplus import create_engine
from server.settings.profile import load_profile
from tests.support import audio_files
from tests.support.product import Product, running_product

TRANSCRIPTS: dict[str, dict[str, str]] = json.loads((audio_files.DATA / "transcripts.json").read_text(encoding="utf-8"))
NORMALIZE = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
WAVES = {name: audio_files.speech(name) for name in TRANSCRIPTS}


def main() -> None:
    """Joue toutes les mesures et les écrit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="accuracy,speed,diarization,upload")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--upload-megabytes", type=int, default=500)
    options = parser.parse_args()
    parts = options.parts.split(",")
    print(machine())
    with tempfile.TemporaryDirectory(prefix="banc-") as folder, running_product(Path(folder)) as product:
        with product.http(timeout=1200) as http:
            served_text("en/austen-0870.wav", http)
            served_turns(http)
            if "accuracy" in parts:
                accuracy(product, http)
                speakers(product, http)
            if "speed" in parts:
                speed(product, http, options.rounds)
            if "diarization" in parts:
                diarization(product, http, options.rounds)
            if "upload" in parts:
                upload(product, options.upload_megabytes)


def served_text(name: str, http: httpx.Client) -> str:
    """Texte d'un enregistrement par la façade d'OpenAI."""
    fields = {"model": "whisper-1", "language": TRANSCRIPTS[name]["language"]}
    data = audio_files.wav(WAVES[name])
    response = http.post("/v1/audio/transcriptions", files={"file": ("a.wav", data)}, data=fields)
    response.raise_for_status()
    return str(response.json()["text"])


def served_turns(http: httpx.Client) -> list[dict[str, Any]]:
    """Tours du dialogue de référence."""
    response = http.post("/api/diarization/process", content=audio_files.dialogue()[0].read_bytes())
    response.raise_for_status()
    found: list[dict[str, Any]] = response.json()["turns"]
    return found


def whisper(product: Product) -> Callable[[str], str]:
    """Le moteur nu, avec les réglages du profil."""
    from faster_whisper import WhisperModel

    spec = load_profile("embarque").model("canary")
    assert spec is not None
    path = str(model_dir(product.cache_dir, spec))
    model = WhisperModel(path, device="cpu", compute_type="int8", cpu_threads=psutil.cpu_count() or 1)

    def text(name: str) -> str:
        segments, _ = model.transcribe(
            WAVES[name], language=TRANSCRIPTS[name]["language"], beam_size=1, condition_on_previous_text=False
        )
        return " ".join(segment.text for segment in segments)

    return text


def accuracy(product: Product, http: httpx.Client) -> None:
    """WER servi et nu, par langue."""
    direct = whisper(product)
    for language in ("en", "fr"):
        names = [name for name in TRANSCRIPTS if name.startswith(language)]
        expected = [NORMALIZE(TRANSCRIPTS[name]["text"]) for name in names]
        ours = [NORMALIZE(served_text(name, http)) for name in names]
        theirs = [NORMALIZE(direct(name)) for name in names]
        print(f"WER {language} : servi {jiwer.wer(expected, ours):.4f}, moteur nu {jiwer.wer(expected, theirs):.4f}")


def speakers(product: Product, http: httpx.Client) -> None:
    """Écart entre les tours servis et ceux du moteur nu."""
    spec = load_profile("embarque").model("pyannote")
    assert spec is not None
    engine = create_engine(EngineSpec(spec.key, model_dir(product.cache_dir, spec), threads=psutil.cpu_count() or 1))
    import av

    with av.open(str(audio_files.dialogue()[0])) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    wave = np.concatenate(frames).astype(np.float32) / np.float32(32768)

    async def run() -> list[dict[str, Any]]:
        await engine.open()
        found = await engine.diarize(wave, DiarizationOptions(), lambda _stage, _ratio: None)
        await engine.close()
        return [{"speaker": t.speaker, "start": t.start, "end": t.end} for t in found.turns]

    print(f"DER : servi {error_rate(served_turns(http)):.4f}, moteur nu {error_rate(asyncio.run(run())):.4f}")


def error_rate(turns: list[dict[str, Any]]) -> float:
    """DER du dialogue de référence, sans tolérance aux bornes, recouvrements comptés."""
    from pyannote.core import Annotation, Segment
    from pyannote.metrics.diarization import DiarizationErrorRate

    expected, found = Annotation(), Annotation()
    for line in audio_files.dialogue()[1].read_text(encoding="utf-8").splitlines():
        _, _, _, start, length, _, _, speaker, *_ = line.split()
        expected[Segment(float(start), float(start) + float(length)), len(expected)] = speaker
    for track, turn in enumerate(turns):
        found[Segment(turn["start"], turn["end"]), track] = turn["speaker"]
    return float(DiarizationErrorRate(collar=0.0, skip_overlap=False)(expected, found))


def speed(product: Product, http: httpx.Client, rounds: int) -> None:
    """Transcription à 1 et 4 clients."""
    names = [name for name in TRANSCRIPTS if name.startswith("fr")]
    seconds = sum(len(WAVES[name]) for name in names) / 16000
    direct = whisper(product)
    for clients in (1, 4):
        compare(
            f"transcription, {clients} client(s)",
            product,
            seconds,
            rounds,
            partial(at_once, clients, partial(served_text, http=http), names),
            partial(at_once, clients, direct, names),
        )


def diarization(product: Product, http: httpx.Client, rounds: int) -> None:
    """Diarisation d'un dialogue, puis de huit à la fois ; le pipeline nu les mène l'un après l'autre."""
    import av
    import torch

    from server.engines.base import unheard
    from server.engines.pyannote.camplus import load_pipeline
    from server.engines.pyannote.options import CamPlusSettings

    spec = load_profile("embarque").model("pyannote")
    assert spec is not None
    folder = model_dir(product.cache_dir, spec)
    pipeline = load_pipeline(EngineSpec(spec.key, folder, threads=psutil.cpu_count() or 1), CamPlusSettings(), unheard)

    def direct(path: Path) -> None:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        wave = torch.from_numpy(np.concatenate(frames).astype(np.float32) / np.float32(32768))
        pipeline({"waveform": wave[None], "sample_rate": 16000, "uri": "audio"})

    with av.open(str(audio_files.dialogue()[0])) as container:
        seconds = float(container.duration or 0) / av.time_base
    for files in (1, 8):
        paths = [audio_files.dialogue()[0]] * files
        compare(
            f"diarisation, {files} fichier(s)",
            product,
            seconds * files,
            rounds,
            partial(at_once, files, lambda _path: served_turns(http), paths),
            partial(at_once, 1, direct, paths),
        )


def at_once(clients: int, one: Callable[[Any], Any], what: Sequence[Any]) -> None:
    """Mène tout, par autant de clients."""
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(one, what))


def compare(
    name: str, product: Product, seconds: float, rounds: int, served: Callable[[], None], alone: Callable[[], None]
) -> None:
    """Durée et processeur par seconde d'audio, servi et nu, tour à tour, et leurs rapports."""
    took: dict[str, list[float]] = {"servi": [], "nu": []}
    busy: dict[str, list[float]] = {"servi": [], "nu": []}
    for _ in range(rounds):
        for side, run in (("servi", served), ("nu", alone)):
            start = time.perf_counter()
            before = sum(costs(product).values()) if side == "servi" else time.process_time()
            run()
            after = sum(costs(product).values()) if side == "servi" else time.process_time()
            took[side].append((time.perf_counter() - start) / seconds)
            busy[side].append((after - before) / seconds)
    for label, found in (("durée", took), ("processeur", busy)):
        ratios = [ours / theirs for ours, theirs in zip(found["servi"], found["nu"], strict=True)]
        print(
            f"{name}, {label} par seconde d'audio : servi {spread(found['servi'], 4)}, nu {spread(found['nu'], 4)}, "
            f"rapport {spread(ratios)}"
        )


def costs(product: Product) -> dict[str, float]:
    """Temps de processeur de chaque rôle du produit, enfants finis compris."""
    found: dict[str, float] = {}
    for process in psutil.Process(product.process.pid).children(recursive=True):
        try:
            name, times = role(process), process.cpu_times()
        except psutil.Error:
            continue
        found[name] = found.get(name, 0.0) + sum(times[:4])
    return found


@contextmanager
def peaks(product: Product) -> Iterator[dict[str, tuple[float, float]]]:
    """Mémoire (Mio) au repos et au plus haut de chaque processus, par son rôle."""
    found: dict[str, tuple[float, float]] = {}
    stop = threading.Event()

    def look() -> None:
        for process in psutil.Process(product.process.pid).children(recursive=True):
            try:
                name, size = role(process), process.memory_info().rss / 2**20
            except psutil.Error:
                continue
            idle, peak = found.get(name, (size, size))
            found[name] = idle, max(peak, size)

    def watch() -> None:
        while not stop.wait(0.05):
            look()

    look()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def role(process: psutil.Process) -> str:
    """Rôle d'un processus du produit."""
    line = " ".join(process.cmdline())
    for mark, name in (("decode_child", "décodage"), (" front", "front"), ("--key", "exemplaire")):
        if mark in line:
            return f"{name} {line.split('--key ')[1].split()[0]}" if name == "exemplaire" else name
    return "envoy" if "envoy" in process.name() else line.rsplit(" ", 1)[-1]


def upload(product: Product, megabytes: int) -> None:
    """Envoi d'un gros WAV (192 kHz, 8 canaux, flottants), transcrit pour de bon."""
    rate, channels = 192000, 8
    seconds = megabytes * 1_000_000 / (rate * channels * 4)
    phrase = np.concatenate([WAVES["en/austen-0870.wav"], np.zeros(16000, np.float32)])
    second = np.repeat(np.repeat(phrase, rate // 16000)[:, None], channels, axis=1).astype("<f4").tobytes()
    whole = int(seconds * rate) * channels * 4
    header = audio_files.wav(np.zeros(0, np.float32), rate=rate, channels=channels, kind="f32", size=whole)

    def body() -> Iterator[bytes]:
        yield header
        sent = 0
        while sent < whole:
            for at in range(0, min(len(second), whole - sent), 1 << 20):
                piece = second[at : min(at + (1 << 20), whole - sent + at)]
                sent += len(piece)
                yield piece
                if sent >= whole:
                    break

    with peaks(product) as found:
        started = time.perf_counter()
        response = httpx.post(f"{product.base_url}/api/audio/transcribe", content=body(), timeout=1200)
        elapsed = time.perf_counter() - started
    answer = response.json()
    print(
        f"envoi de {whole / 1e6:.0f} Mo : HTTP {response.status_code}, {answer['duration']:.1f} s d'audio en {elapsed:.1f} s"
    )
    print(f"  {len(answer['text'].split())} mots, couverture {answer['coverage']['covered_seconds']:.1f} s")
    for name, (idle, peak) in sorted(found.items()):
        print(f"  {name} : {idle:.0f} Mio au repos, {peak:.0f} au plus haut ({peak - idle:+.0f})")


if __name__ == "__main__":
    main()
