"""gRPC-Web depuis un vrai Chromium, méthode par méthode."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

import passerelle.v1
from google.protobuf.descriptor import MethodDescriptor

from tests.e2e.test_dashboard import walk
from tests.support import audio_files
from tests.support.product import Product

BEYOND_GRPC_WEB = {
    "passerelle.v1.TranscribeService/UploadTranscribe",
    "passerelle.v1.TranscribeService/StreamTranscribe",
    "passerelle.v1.DiarizeService/UploadDiarize",
    "passerelle.v1.RestService/CreateTranscription",
    "passerelle.v1.RestService/CreateTranslation",
    "passerelle.v1.RestService/TranscribeAudio",
    "passerelle.v1.RestService/ProcessDiarization",
}
"""Méthodes où le client envoie un flux : gRPC-Web ne sait pas le faire."""


def public_methods() -> Iterator[tuple[str, MethodDescriptor]]:
    """Toutes les méthodes de `passerelle.v1` : Envoy mène aussi RestService et ProbeService en gRPC."""
    for module in pkgutil.iter_modules(passerelle.v1.__path__):
        if module.name.endswith("_pb2"):
            file = import_module(f"passerelle.v1.{module.name}").DESCRIPTOR
            for service in file.services_by_name.values():
                for method in service.methods:
                    yield f"{service.full_name}/{method.name}", method


def test_chromium_calls_every_method_grpc_web_can_carry(product: Product, chromium: str) -> None:
    for model in ("qwen", "canary", "pyannote"):
        product.ensure_ready(model)
    methods = dict(public_methods())
    assert {name for name, method in methods.items() if method.client_streaming} == BEYOND_GRPC_WEB
    callable_ones = ",".join(sorted(set(methods) - BEYOND_GRPC_WEB))
    phrase = audio_files.DATA / "en" / "austen-0870.wav"
    walk("grpc_web.mjs", product, chromium, "méthodes", callable_ones, str(phrase), str(audio_files.dialogue()[0]))
    assert {model["state"] for model in product.status()["models"]} == {"MODEL_STATE_READY"}
