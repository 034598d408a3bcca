"""De petits modèles NeMo aux poids tirés au sort, faits sur place : les vraies classes, quelques centaines de kilo-octets.

    python -m tests.engines.tiny_canary DOSSIER

Le texte est sans queue ni tête, mais fait de mots : les jetons réservés sont interdits au décodeur.
"""

import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "fr", "de")
_SPECIAL = [
    "<|startofcontext|>", "<|endofcontext|>", "<|itn|>", "<|noitn|>", "<|timestamp|>", "<|notimestamp|>", "<|diarize|>",
    "<|nodiarize|>", "<|emo:undefined|>", "<|unklang|>", *(f"<|{name}|>" for name in LANGUAGES),
]  # fmt: skip
_TIMES = [f"<|{index}|>" for index in range(400)]
_LINES = (
    "the gateway listens to every window and writes the words it has heard",
    "la passerelle écoute chaque fenêtre et rend les mots dans leur ordre",
    "ein kleines modell schreibt wörter ohne sinn. but it writes them fast!",
    "une phrase finit ici. une autre commence là, puis se tait ?",
)
_HIDDEN = 64


def canary(path: Path, *, aligner: bool = False, times: bool = True) -> Path:
    """Écrit un Canary minuscule.

    Args:
        aligner: lui joint un modèle CTC d'alignement, comme canary-1b-v2.
        times: son vocabulaire a les jetons d'instants, comme les canary-flash.
    """
    import torch
    from nemo.collections.asr.models import EncDecMultiTaskModel

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizers = {"spl_tokens": {"dir": str(_special(folder / "spl", times)), "type": "bpe"}}
        tokenizers |= {code: {"dir": str(_pieces(folder / "text")), "type": "bpe"} for code in LANGUAGES}
        model = EncDecMultiTaskModel(cfg=_canary_config(tokenizers)).eval()
        _forbid_special_tokens(model)
        model.save_to(str(path))
        if aligner:
            _join_aligner(path, folder)
    return path


def parakeet(path: Path) -> Path:
    """Écrit un Parakeet (TDT) minuscule."""
    import torch
    from nemo.collections.asr.models import EncDecRNNTBPEModel
    from omegaconf import OmegaConf

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        durations = [0, 1, 2, 3, 4]
        config = _common(str(_pieces(Path(name) / "text"))) | {
            "model_defaults": {"enc_hidden": _HIDDEN, "pred_hidden": 32, "joint_hidden": 32, "tdt_durations": durations},
            "decoder": {
                "_target_": "nemo.collections.asr.modules.RNNTDecoder",
                "normalization_mode": None,
                "random_state_sampling": False,
                "blank_as_pad": True,
                "prednet": {"pred_hidden": 32, "pred_rnn_layers": 1, "t_max": None, "dropout": 0.0},
            },
            "joint": {
                "_target_": "nemo.collections.asr.modules.RNNTJoint",
                "log_softmax": None,
                "preserve_memory": False,
                "fuse_loss_wer": False,
                "fused_batch_size": 1,
                "num_extra_outputs": len(durations),
                "jointnet": {"joint_hidden": 32, "activation": "relu", "dropout": 0.0},
            },
            "decoding": {
                "strategy": "greedy_batch",
                "model_type": "tdt",
                "durations": durations,
                "greedy": {"max_symbols": 4},
            },
            "loss": {"loss_name": "tdt", "tdt_kwargs": {"durations": durations}},
        }
        EncDecRNNTBPEModel(cfg=OmegaConf.create(config)).eval().save_to(str(path))
    return path


def _ctc(path: Path, pieces: Path) -> Path:
    from nemo.collections.asr.models import EncDecCTCModelBPE
    from omegaconf import OmegaConf

    config = _common(str(pieces)) | {
        "decoder": {
            "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
            "feat_in": _HIDDEN,
            "num_classes": -1,
            "vocabulary": [],
        }
    }
    EncDecCTCModelBPE(cfg=OmegaConf.create(config)).eval().save_to(str(path))
    return path


def _join_aligner(path: Path, folder: Path) -> None:
    """Ajoute au point de contrôle le modèle CTC, sous les noms que NeMo y cherche."""
    aligner, whole = folder / "aligner", folder / "whole"
    with tarfile.open(_ctc(folder / "aligner.nemo", folder / "text")) as archive:
        archive.extractall(aligner, filter="data")
    with tarfile.open(path) as archive:
        archive.extractall(whole, filter="data")
    for file in aligner.iterdir():
        renamed = {
            "model_config.yaml": "timestamps_asr_model_config.yaml",
            "model_weights.ckpt": "timestamps_asr_model_weights.ckpt",
        }
        file.rename(whole / renamed.get(file.name, file.name))
    with tarfile.open(path, "w:") as archive:
        archive.add(whole, arcname="./")


def _forbid_special_tokens(model: Any) -> None:
    """Aucun jeton réservé ne sort du décodeur, sauf celui de fin."""
    import torch

    bias = model.log_softmax.mlp.layer0.bias
    count = len(model.tokenizer.tokenizers_dict["spl_tokens"].vocab)
    with torch.no_grad():
        bias[:count] = -1e4
        bias[len(model.tokenizer.vocab) :] = -1e4
        bias[model.tokenizer.eos_id] = 0.0


def _special(folder: Path, times: bool) -> Path:
    from nemo.collections.common.tokenizers.canary_tokenizer import CanaryTokenizer

    folder.mkdir(exist_ok=True)
    tokens = _SPECIAL + (_TIMES if times else [])
    CanaryTokenizer.build_special_tokenizer(tokens, str(folder), force_rebuild=True)
    return folder


def _pieces(folder: Path) -> Path:
    import sentencepiece

    if not folder.exists():
        folder.mkdir()
        text = folder / "document.txt"
        text.write_text("\n".join(_LINES * 3), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.Train(
            input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=120, model_type="bpe",
            character_coverage=1.0, bos_id=-1, eos_id=-1, unk_id=0, pad_id=-1, minloglevel=2,
        )  # fmt: skip
        lines = (folder / "tokenizer.vocab").read_text(encoding="utf-8").splitlines()
        (folder / "vocab.txt").write_text("\n".join(line.split("\t")[0] for line in lines), encoding="utf-8")
    return folder


def _preprocessor() -> dict[str, Any]:
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


def _encoder() -> dict[str, Any]:
    return {
        "_target_": "nemo.collections.asr.modules.ConformerEncoder",
        "feat_in": 64,
        "feat_out": -1,
        "n_layers": 2,
        "d_model": _HIDDEN,
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


def _common(pieces: str) -> dict[str, Any]:
    return {
        "sample_rate": 16000,
        "preprocessor": _preprocessor(),
        "encoder": _encoder(),
        "tokenizer": {"dir": pieces, "type": "bpe"},
        "optim": {"name": "adamw", "lr": 1e-4},
    }


def _canary_config(tokenizers: dict[str, Any]) -> Any:
    from omegaconf import OmegaConf

    attention = {"ffn_dropout": 0.1, "attn_score_dropout": 0.1, "attn_layer_dropout": 0.1}
    shape = {"hidden_size": _HIDDEN, "inner_size": 4 * _HIDDEN, "num_attention_heads": 4}
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
            "preprocessor": _preprocessor(),
            "model_defaults": {"asr_enc_hidden": _HIDDEN, "lm_enc_hidden": _HIDDEN, "lm_dec_hidden": _HIDDEN},
            "encoder": _encoder(),
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
                "num_layers": 1, "activation": "relu", "log_softmax": True, "hidden_size": _HIDDEN, "num_classes": "None",
                "dropout": 0.0, "use_transformer_init": True,
            },
            "decoding": {"strategy": "beam", "beam": {"beam_size": 1, "len_pen": 0.0, "max_generation_delta": 4}},
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


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for built in (
        canary(target / "flash.nemo"),
        canary(target / "v2.nemo", aligner=True, times=False),
        parakeet(target / "parakeet.nemo"),
    ):
        print(built.name, built.stat().st_size)
