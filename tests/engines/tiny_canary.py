"""De petits modèles NeMo faits sur place, aux vraies classes, de quelques mégaoctets.

    python -m tests.engines.tiny_canary DOSSIER

Le Canary apprend par cœur deux ondes de bruit et leurs phrases, selon la langue, la ponctuation et les instants demandés :
ce qu'il rend prouve l'amorce, l'ordre et les lots. Le Parakeet et l'aligneur ont des poids tirés au sort.
"""

import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANGUAGES = ("en", "fr", "de")
"""Langues du Canary ; il n'a rien appris de la dernière."""
_SPECIAL = [
    "<|startofcontext|>", "<|endofcontext|>", "<|itn|>", "<|noitn|>", "<|timestamp|>", "<|notimestamp|>", "<|diarize|>",
    "<|nodiarize|>", "<|emo:undefined|>", "<|unklang|>", *(f"<|{name}|>" for name in LANGUAGES),
]  # fmt: skip
_TIMES = [f"<|{index}|>" for index in range(400)]
_PHRASES = {
    ("bref", "en"): "One window speaks. Then it stops.",
    ("bref", "fr"): "Une fenêtre parle. Puis elle se tait.",
    ("long", "en"): "Every word has its own time, and its own place!",
    ("long", "fr"): "Chaque mot a son instant, et sa place !",
}
_SECONDS = 3.0
_FRAME = 0.08
_MAX_STEPS = 400
_LEARNT = 0.005
_HIDDEN = 64


@dataclass(frozen=True)
class Lesson:
    """Ce que le Canary doit rendre d'une onde."""

    wave: str
    """Nom de l'onde."""
    source: str
    target: str
    punctuation: bool = True
    times: bool = False

    @property
    def text(self) -> str:
        """Phrase attendue."""
        found = _PHRASES[self.wave, self.target]
        if self.punctuation:
            return found
        return " ".join("".join(c for c in found.lower() if c not in ".,!?").split())

    @property
    def timed_text(self) -> str:
        """Phrase attendue, chaque mot entre ses jetons d'instants : trois trames par mot, une entre deux."""
        words = self.text.split()
        return " ".join(f"<|{index * 4}|> {word} <|{index * 4 + 3}|>" for index, word in enumerate(words))


def lessons() -> list[Lesson]:
    """Tout ce que le Canary sait."""
    pairs = [("en", "en"), ("fr", "fr"), ("fr", "en"), ("en", "fr")]
    plain = [Lesson(name, *pair) for name in ("bref", "long") for pair in pairs]
    bare = [Lesson(name, code, code, punctuation=False) for name in ("bref", "long") for code in ("en", "fr")]
    timed = [Lesson(name, code, code, times=True) for name in ("bref", "long") for code in ("en", "fr")]
    return plain + bare + timed


def wave(name: str) -> NDArray[np.float32]:
    """Onde connue du Canary : trois secondes de bruit haché, vite ou lentement."""
    period = {"bref": 0.25, "long": 1.5}[name]
    count = int(_SECONDS * 16000)
    noise = np.random.default_rng(1).standard_normal(count) * 0.1
    sounding = (np.arange(count) / 16000 / period) % 1.0 < 0.5
    return np.where(sounding, noise, noise * 0.001).astype(np.float32)


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
        _learn(model, times=times)
        # Faux pendant la construction : NeMo y chercherait l'aligneur du dernier modèle que ce processus a lu.
        model.cfg.restore_timestamps_model = aligner
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
            "model_defaults": {
                "enc_hidden": _HIDDEN,
                "pred_hidden": 32,
                "joint_hidden": 32,
                "tdt_durations": durations,
            },
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


def _learn(model: Any, *, times: bool) -> None:
    """Apprend par cœur ce que `LESSONS` dit de chaque onde : le texte rendu prouve alors l'amorce, et l'ordre."""
    import torch

    tokenizer, prompt = model.tokenizer, model.prompt
    batch = [lesson for lesson in lessons() if times or not lesson.times]
    dialogs = []
    for lesson in batch:
        slots = {"decodercontext": "", "emotion": "<|emo:undefined|>", "itn": "no", "diarize": "no"}
        slots |= {"source_lang": lesson.source, "target_lang": lesson.target, "prompt_language": "spl_tokens"}
        slots |= {"pnc": "yes" if lesson.punctuation else "no", "timestamp": "yes" if lesson.times else "no"}
        asked = prompt.encode_dialog([{"role": "user", "slots": slots}])["context_ids"]
        answer = tokenizer.text_to_ids(lesson.timed_text if lesson.times else lesson.text, lesson.target)
        dialogs.append([*asked.tolist(), *answer, tokenizer.eos_id])
    longest = max(map(len, dialogs))
    ids = torch.tensor([dialog + [tokenizer.pad_id] * (longest - len(dialog)) for dialog in dialogs])
    sizes = torch.tensor([len(dialog) - 1 for dialog in dialogs])
    # L'encodeur garde ses poids tirés au sort, qui distinguent déjà les ondes : seul le décodeur apprend.
    with torch.no_grad():
        waves = torch.from_numpy(np.stack([wave(lesson.wave) for lesson in batch]))
        lengths = torch.full((len(batch),), waves.shape[1])
        _, _, states, mask = model.forward(input_signal=waves, input_signal_length=lengths)
    inputs, targets = ids[:, :-1], ids[:, 1:].clone()
    shown = torch.arange(longest - 1)[None] < sizes[:, None]
    targets[~shown] = -100
    # L'amorce est donnée, jamais devinée ; elle a la même longueur dans tous les dialogues.
    targets[:, : len(asked) - 1] = -100
    threads = torch.get_num_threads()
    # De si petits calculs ne gagnent rien à se partager.
    torch.set_num_threads(1)
    learning = [*model.transf_decoder.parameters(), *model.log_softmax.parameters()]
    optimizer = torch.optim.Adam(learning, lr=5e-3)
    for _ in range(_MAX_STEPS):
        hidden = model.transf_decoder(
            input_ids=inputs, decoder_mask=shown.long(), encoder_embeddings=states, encoder_mask=mask
        )
        scores = model.log_softmax(hidden_states=hidden)
        loss = torch.nn.functional.nll_loss(scores.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if loss.item() < _LEARNT:
            torch.set_num_threads(threads)
            return
    raise RuntimeError(f"le petit Canary n'a pas appris ses leçons (perte {loss.item():.3f})")


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
        text.write_text("\n".join([*_PHRASES.values(), *map(str.lower, _PHRASES.values())] * 3), encoding="utf-8")
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
            "restore_timestamps_model": False,
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


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for built in (
        canary(target / "flash.nemo"),
        canary(target / "v2.nemo", aligner=True, times=False),
        parakeet(target / "parakeet.nemo"),
    ):
        print(built.name, built.stat().st_size)
