"""De petits modèles NeMo faits sur place, aux vraies classes, de quelques mégaoctets.

    python -m tests.support.tiny_canary DOSSIER

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

from tests.support.tiny_nemo import HIDDEN, LANGUAGES, canary_config, common, pieces, special_tokens

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


def canary(path: Path, *, aligner: bool = False, times: bool = True, learn: bool = True) -> Path:
    """Écrit un Canary minuscule.

    Args:
        aligner: lui joint un modèle CTC d'alignement, comme canary-1b-v2.
        times: son vocabulaire a les jetons d'instants, comme les canary-flash.
        learn: faux, il n'a rien appris et ne finit jamais.
    """
    import torch
    from nemo.collections.asr.models import EncDecMultiTaskModel

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizers = {"spl_tokens": {"dir": str(special_tokens(folder / "spl", times)), "type": "bpe"}}
        tokenizers |= {code: {"dir": str(pieces(folder / "text", _lines())), "type": "bpe"} for code in LANGUAGES}
        model = EncDecMultiTaskModel(cfg=canary_config(tokenizers)).eval()
        if learn:
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
        config = common(pieces(Path(name) / "text", _lines())) | {
            "model_defaults": {
                "enc_hidden": HIDDEN,
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


def ctc(path: Path) -> Path:
    """Écrit un modèle CTC minuscule."""
    import torch

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        return _ctc(path, pieces(Path(name) / "text", _lines()))


def _lines() -> list[str]:
    """Ce dont les vocabulaires sont appris."""
    phrases = list(_PHRASES.values())
    return [*phrases, *map(str.lower, phrases)] * 3


def _ctc(path: Path, tokenizer: Path) -> Path:
    from nemo.collections.asr.models import EncDecCTCModelBPE
    from omegaconf import OmegaConf

    config = common(tokenizer) | {
        "decoder": {
            "_target_": "nemo.collections.asr.modules.ConvASRDecoder",
            "feat_in": HIDDEN,
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


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for built in (
        canary(target / "flash.nemo"),
        canary(target / "v2.nemo", aligner=True, times=False),
        parakeet(target / "parakeet.nemo"),
        ctc(target / "ctc.nemo"),
    ):
        print(built.name, built.stat().st_size)
