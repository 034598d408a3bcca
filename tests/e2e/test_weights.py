"""Des poids abîmés sous un serveur : refusés avant qu'un moteur ne les lise, puis réparés."""

import json
import os
import subprocess
from pathlib import Path

from tests.support.product import ROOT, Product, running_product


def spoil(folder: Path) -> str:
    """Change un octet au milieu du plus gros fichier ; rend son nom."""
    path = max((one for one in folder.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    # Le jour où une copie garde sa date, seule « doctor --deep » la voit ; ici, elle change, fût-ce dans la même seconde.
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))
    return path.name


def weights(product: Product, key: str) -> Path:
    return next(one for one in (product.cache_dir / key).iterdir() if one.is_dir())


def test_spoiled_weights_never_become_ready(tmp_path: Path) -> None:
    with running_product(tmp_path) as product:
        product.ensure_ready("qwen")
        refused = product.admin("remove")
        assert refused.json()["error"]["reason"] == "INVALID_STATE", refused.text
        # Un autre serveur du même dossier, qui ne sait rien de celui-ci, ne les retire pas non plus.
        apart = {"PASSERELLE_RUN_BASE": str(tmp_path / "ailleurs"), "PASSERELLE_STATE_DIR": str(tmp_path / "autre")}
        env = {**os.environ, **apart, "MODEL_CACHE_DIR": str(product.cache_dir), "PASSERELLE_PROFILE": "embarque"}
        command = [str(ROOT / "passerelle"), "remove", "qwen", "--yes"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 1 and "Un autre processus se sert des poids" in done.stderr, done.stderr
        assert product.admin("unload", wait=True).status_code == 200
        name = spoil(weights(product, "qwen"))
        refused = product.admin("load", wait=True)
        error = refused.json()["error"]
        assert refused.status_code >= 400 and error["reason"] == "INTEGRITY_MISMATCH" and name in error["message"]
        model = product.model("qwen")
        assert model["state"] != "MODEL_STATE_READY" and not model["artifacts_cached"]
        assert model["last_error"]["reason"] == "INTEGRITY_MISMATCH"
        product.ensure_ready("qwen")
        # Retirés, ils le sont du disque, et le serveur le voit ; la commande et REST disent la même chose.
        assert product.admin("unload", wait=True).status_code == 200
        told = product.admin("remove", dry_run=True).json()
        env = {"PATH": os.environ["PATH"], "PASSERELLE_ADDRESS": product.base_url}
        command = [str(ROOT / "passerelle"), "remove", "qwen", "--yes", "--json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
        assert json.loads(done.stdout) == told and told["freed_bytes"] > 1e7
        assert product.model("qwen")["state"] == "MODEL_STATE_UNAVAILABLE"
        assert not [one for one in (product.cache_dir / "qwen").iterdir() if one.is_dir()]
