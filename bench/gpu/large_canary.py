"""Un Canary aux dimensions de canary-1b-v2, poids tirés au hasard, dont toute fenêtre écrit autant de jetons.

    .engines/nemo/bin/python -m bench.gpu.large_canary DOSSIER [--layers 32,8] [--hidden 1024]

Encodeur FastConformer de 32 couches, décodeur de 8, 1 024 de large, 16 384 morceaux de texte : 978 millions de poids, dit sa
fiche. La fin n'y vient jamais et aucun jeton n'y revient : le décodeur écrit jusqu'à sa longueur permise, sans boucle
que le serveur couperait, et NeMo seul comme le moteur écrivent donc autant.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.tiny_nemo import canary_config, pieces, special_tokens

_LONGEST = 96
"""Jetons d'une fenêtre, amorce comprise : ce que dit une demi-minute de parole."""
_VOCABULARY = 16_384
_FEATURES = 128


def large_canary(path: Path, *, layers: tuple[int, int] = (32, 8), hidden: int = 1024, size: int = _VOCABULARY) -> Path:
    """Écrit le point de contrôle.

    Args:
        layers: couches de l'encodeur, du décodeur.
        size: morceaux du lexique.
    """
    import torch
    from nemo.collections.asr.models import EncDecMultiTaskModel
    from omegaconf import OmegaConf

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = str(pieces(folder / "text", _words(size), size))
        special = str(special_tokens(folder / "spl", False))
        tokenizers = {"spl_tokens": {"dir": special, "type": "bpe"}, "en": {"dir": text, "type": "bpe"}}
        config = canary_config(tokenizers)
        heads = 8
        shape = {"hidden_size": hidden, "inner_size": 4 * hidden, "num_attention_heads": heads}
        told: dict[str, Any] = {
            "preprocessor": {"features": _FEATURES},
            "model_defaults": dict.fromkeys(("asr_enc_hidden", "lm_enc_hidden", "lm_dec_hidden"), hidden),
            "encoder": {
                "feat_in": _FEATURES,
                "n_layers": layers[0],
                "d_model": hidden,
                "n_heads": heads,
                "subsampling_conv_channels": 256,
            },
            "transf_encoder": shape,
            "transf_decoder": {
                "config_dict": shape | {"num_layers": layers[1], "max_sequence_length": _LONGEST},
            },
            "head": {"hidden_size": hidden},
        }
        model = EncDecMultiTaskModel(cfg=OmegaConf.merge(config, told)).eval()
        _count(model)
        model.cfg.restore_timestamps_model = False
        model.save_to(str(path))
    return path


def _words(size: int) -> list[str]:
    """Assez de mots différents pour un lexique de cette taille."""
    random = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return [
        " ".join("".join(random.choice(letters, random.integers(3, 8))) for _ in range(8)) for _ in range(size // 2)
    ]


def _count(model: Any) -> None:
    """Fait de la place d'un jeton dans le texte ce qui le choisit : le n-ième est toujours le n-ième du lexique."""
    import torch

    first = model.tokenizer.token_id_offset["en"]
    decoder = model.transf_decoder
    places = decoder._embedding.position_embedding.pos_enc[:_LONGEST]
    with torch.no_grad():
        # NeMo lie le lexique du décodeur à sa dernière couche.
        lexicon = decoder._embedding.token_embedding.weight
        lexicon.zero_()
        lexicon[first : first + _LONGEST] = places / 10
        model.log_softmax.mlp.layer0.bias.zero_()
        model.log_softmax.mlp.layer0.bias[:first] = -1e4
        for name, weight in decoder._decoder.named_parameters():
            # Les couches calculent tout, et n'y ajoutent presque rien.
            if "out_projection" in name or "dense_out" in name:
                weight.mul_(0.01)


def main() -> None:
    """Lit la ligne de commande et écrit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", default="32,8")
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--vocabulary", type=int, default=_VOCABULARY)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    encoder, decoder = map(int, asked.layers.split(","))
    large_canary(asked.folder / "canary.nemo", layers=(encoder, decoder), hidden=asked.hidden, size=asked.vocabulary)


if __name__ == "__main__":
    main()
