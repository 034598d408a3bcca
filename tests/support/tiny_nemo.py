"""Les configurations et les vocabulaires des petits modèles NeMo d'essai."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr", "de")
"""Langues du Canary d'essai ; il n'a rien appris de la dernière."""
HIDDEN = 64
_SPECIAL = [
    "<|startofcontext|>", "<|endofcontext|>", "<|itn|>", "<|noitn|>", "<|timestamp|>", "<|notimestamp|>", "<|diarize|>",
    "<|nodiarize|>", "<|emo:undefined|>", "<|unklang|>", *(f"<|{name}|>" for name in LANGUAGES),
]  # fmt: skip
_TIMES = [f"<|{index}|>" for index in range(400)]


def special_tokens(folder: Path, times: bool) -> Path:
    """Vocabulaire des jetons réservés ; `times` : ceux des instants aussi."""
    from nemo.collections.common.tokenizers.canary_tokenizer import CanaryTokenizer

    folder.mkdir(exist_ok=True)
    tokens = _SPECIAL + (_TIMES if times else [])
    CanaryTokenizer.build_special_tokenizer(tokens, str(folder), force_rebuild=True)
    return folder


def pieces(folder: Path, lines: Iterable[str], size: int = 120) -> Path:
    """Vocabulaire de `size` morceaux appris de ces lignes, une seule fois par dossier."""
    import sentencepiece

    if not folder.exists():
        folder.mkdir()
        text = folder / "document.txt"
        text.write_text("\n".join(lines), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.Train(
            input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=size, model_type="bpe",
            character_coverage=1.0, bos_id=-1, eos_id=-1, unk_id=0, pad_id=-1, minloglevel=2,
        )  # fmt: skip
        learnt = (folder / "tokenizer.vocab").read_text(encoding="utf-8").splitlines()
        (folder / "vocab.txt").write_text("\n".join(line.split("\t")[0] for line in learnt), encoding="utf-8")
    return folder


def preprocessor() -> dict[str, Any]:
    """Spectrogramme."""
    return {
        "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
        "sample_rate": 16000,
        "normalize": "per_feature",
        "window_size": 0.025,
        "window_stride": 0.01,
        "window": "hann",
        "features": 64,
        "n_fft": 512,
        "log": True,
        "frame_splicing": 1,
        "dither": 1e-5,
        "pad_to": 0,
    }


def encoder() -> dict[str, Any]:
    """FastConformer de deux couches."""
    return {
        "_target_": "nemo.collections.asr.modules.ConformerEncoder",
        "feat_in": 64,
        "feat_out": -1,
        "n_layers": 2,
        "d_model": HIDDEN,
        "subsampling": "dw_striding",
        "subsampling_factor": 8,
        "subsampling_conv_channels": 32,
        "ff_expansion_factor": 4,
        "self_attention_model": "rel_pos",
        "n_heads": 4,
        "att_context_size": [-1, -1],
        "xscaling": False,
        "untie_biases": True,
        "pos_emb_max_len": 5000,
        "conv_kernel_size": 9,
        "conv_norm_type": "batch_norm",
        "dropout": 0.1,
        "dropout_pre_encoder": 0.1,
        "dropout_emb": 0.0,
        "dropout_att": 0.1,
    }


def common(tokenizer: Path) -> dict[str, Any]:
    """Ce que les modèles à transducteur et CTC ont en commun."""
    return {
        "sample_rate": 16000,
        "preprocessor": preprocessor(),
        "encoder": encoder(),
        "tokenizer": {"dir": str(tokenizer), "type": "bpe"},
        "optim": {"name": "adamw", "lr": 1e-4},
    }


def canary_config(tokenizers: dict[str, Any]) -> Any:
    """Canary d'une couche de décodeur, au format d'amorce `canary2`."""
    from omegaconf import OmegaConf

    attention = {"ffn_dropout": 0.1, "attn_score_dropout": 0.1, "attn_layer_dropout": 0.1}
    shape = {"hidden_size": HIDDEN, "inner_size": 4 * HIDDEN, "num_attention_heads": 4}
    slots = {
        "decodercontext": "", "source_lang": "<|en|>", "target_lang": "<|en|>", "emotion": "<|emo:undefined|>",
        "pnc": "<|pnc|>", "itn": "<|noitn|>", "diarize": "<|nodiarize|>", "timestamp": "<|notimestamp|>",
    }  # fmt: skip
    transformer = "nemo.collections.asr.modules.transformer"
    return OmegaConf.create(
        {
            "prompt_format": "canary2",
            "prompt_defaults": [{"role": "user", "slots": slots}],
            "sample_rate": 16000,
            "restore_timestamps_model": False,
            "preprocessor": preprocessor(),
            "model_defaults": {"asr_enc_hidden": HIDDEN, "lm_enc_hidden": HIDDEN, "lm_dec_hidden": HIDDEN},
            "encoder": encoder(),
            "transf_encoder": {
                "_target_": f"{transformer}.transformer_encoders.TransformerEncoder",
                "num_layers": 0, "mask_future": False, "pre_ln": True, "pre_ln_final_layer_norm": True, **shape, **attention,
            },
            "transf_decoder": {
                "_target_": f"{transformer}.get_nemo_transformer",
                "model_name": None,
                "pretrained": False,
                "encoder": None,
                "pre_ln_final_layer_norm": True,
                "config_dict": {
                    "max_sequence_length": 1024, "num_token_types": 0, "embedding_dropout": 0.1, "num_layers": 1,
                    "learn_positional_encodings": False, "hidden_act": "relu", "pre_ln": True, "vocab_size": "None",
                    **shape, **attention,
                },
            },
            "head": {
                "_target_": "nemo.collections.asr.parts.submodules.token_classifier.TokenClassifier",
                "num_layers": 1, "activation": "relu", "log_softmax": True, "hidden_size": HIDDEN, "num_classes": "None",
                "dropout": 0.0, "use_transformer_init": True,
            },
            "decoding": {"strategy": "beam", "beam": {"beam_size": 1, "len_pen": 0.0, "max_generation_delta": 16}},
            "loss": {
                "_target_": "nemo.collections.common.losses.smoothed_cross_entropy.SmoothedCrossEntropyLoss",
                "label_smoothing": 0.0, "pad_id": "None",
            },
            "tokenizer": {
                "dir": None,
                "type": "agg",
                "langs": tokenizers,
                "custom_tokenizer": {
                    "_target_": "nemo.collections.common.tokenizers.canary_tokenizer.CanaryTokenizer",
                    "tokenizers": None,
                },
            },
            "optim": {"name": "adamw", "lr": 1e-4},
        }
    )  # fmt: skip
