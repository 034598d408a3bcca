"""Un petit SALM fait sur place, aux vraies classes de NeMo, rangé comme le dépôt de canary-qwen et celui qu'il nomme.

    python -m tests.support.tiny_salm DOSSIER

Il apprend par cœur deux ondes de bruit et leurs phrases : ce qu'il rend prouve que chaque poids a été relu (le modèle de
langue, ses adaptateurs LoRA, la projection), l'ordre et les lots.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.tiny_canary import wave
from tests.support.tiny_nemo import HIDDEN, encoder, preprocessor

PHRASES = {"bref": "One window speaks. Then it stops.", "long": "Every word has its own time, and its own place!"}
"""Phrase apprise de chaque onde de `tiny_canary`."""
LLM = "Qwen/Qwen3-1.7B"
"""Dépôt que nomme la configuration de canary-qwen."""
PROMPT = "Transcribe the following: <|audioplaceholder|>"
_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
_TEXT_WIDTH = 48
_MAX_STEPS = 400
_LEARNT = 0.005


def salm(folder: Path) -> Path:
    """Écrit le dossier d'un modèle : le dépôt de canary-qwen à la racine, celui du modèle de langue sous son nom."""
    import torch
    from nemo.collections.speechlm2.models.salm import SALM

    torch.manual_seed(0)
    language_model = folder / LLM
    _write_tokenizer(language_model)
    _write_llm_config(language_model)
    model = SALM(_config(str(language_model))).eval()
    _widen(model)
    _learn(model)
    model.save_pretrained(folder, config=_config(LLM) | {"pretrained_weights": True})
    return folder


def _config(pretrained_llm: str) -> dict[str, Any]:
    """Configuration de canary-qwen, aux dimensions près."""
    connector = "nemo.collections.speechlm2.modules.perception.IdentityConnector"
    return {
        "pretrained_llm": pretrained_llm,
        "pretrained_asr": "nvidia/canary-1b-flash",
        "pretrained_weights": False,
        "prompt_format": "qwen",
        "audio_locator_tag": "<|audioplaceholder|>",
        "freeze_params": ["^llm\\..+$", "^embed_tokens\\..+$"],
        "prevent_freeze_params": [],
        "lora": {
            "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8, "lora_dropout": 0.01, "target_modules": ["q_proj", "v_proj"],
        },
        "perception": {
            "target": "nemo.collections.speechlm2.modules.perception.AudioPerceptionModule",
            "output_dim": _TEXT_WIDTH,
            "preprocessor": preprocessor(),
            "encoder": encoder(),
            "modality_adapter": {"_target_": connector, "d_model": HIDDEN},
        },
    }  # fmt: skip


def _write_llm_config(folder: Path) -> None:
    """Un Qwen3 de deux couches, aux plongements partagés avec la sortie comme ceux de Qwen3-1.7B."""
    from transformers import Qwen3Config

    Qwen3Config(
        architectures=["Qwen3ForCausalLM"], vocab_size=320, hidden_size=_TEXT_WIDTH, intermediate_size=96,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16, max_position_embeddings=1024,
        tie_word_embeddings=True, bos_token_id=0, eos_token_id=2,
    ).save_pretrained(folder)  # fmt: skip


def _write_tokenizer(folder: Path) -> None:
    """Vocabulaire de la forme de celui de Qwen3 : octets, fusions apprises des phrases, jetons réservés."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    built = Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    built.train_from_iterator([*PHRASES.values(), PROMPT] * 3, trainer)
    PreTrainedTokenizerFast(tokenizer_object=built, eos_token="<|im_end|>", pad_token="<|endoftext|>").save_pretrained(
        folder
    )


def _waves() -> Any:
    """Ondes connues, en un lot, et leurs longueurs."""
    import torch

    waves = torch.from_numpy(np.stack([wave(name) for name in PHRASES]))
    return waves, torch.full((len(waves),), waves.shape[1])


def _widen(model: Any) -> None:
    """Centre et élargit la projection : les poids tirés au sort de l'encodeur rendent des trames presque égales."""
    import torch

    waves, lengths = _waves()
    with torch.no_grad():
        heard, _ = model.perception(input_signal=waves, input_signal_length=lengths)
        scale = 1 / heard.std(dim=1).mean()
        projection = model.perception.proj
        projection.bias.copy_((projection.bias - heard.mean(dim=(0, 1))) * scale)
        projection.weight.mul_(scale)


def _learn(model: Any) -> None:
    """Apprend les phrases par cœur ; l'encodeur garde ses poids tirés au sort, qui distinguent déjà les ondes."""
    import torch
    from nemo.collections.common.prompts import PromptFormatter
    from nemo.collections.speechlm2.data.salm_dataset import left_collate_vectors

    formatter = PromptFormatter.resolve(model.cfg.prompt_format)(model.tokenizer)
    dialogs = [
        formatter.encode_dialog([{"role": "user", "content": PROMPT}, {"role": "assistant", "content": phrase}])
        for phrase in PHRASES.values()
    ]
    waves, lengths = _waves()
    batch = {
        "audios": waves,
        "audio_lens": lengths,
        "input_ids": left_collate_vectors([one["input_ids"] for one in dialogs], padding_value=model.text_pad_id),
        "loss_mask": left_collate_vectors([one["mask"] for one in dialogs], padding_value=0).bool(),
    }
    learning = [*model.llm.parameters(), *model.embed_tokens.parameters(), *model.perception.proj.parameters()]
    for parameter in learning:
        parameter.requires_grad_(True)
    threads = torch.get_num_threads()
    # De si petits calculs ne gagnent rien à se partager.
    torch.set_num_threads(1)
    optimizer = torch.optim.Adam({id(one): one for one in learning}.values(), lr=5e-3)
    for _ in range(_MAX_STEPS):
        inputs = model.prepare_inputs(batch)
        scores = model(inputs["input_embeds"], attention_mask=inputs["attention_mask"])["logits"]
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), inputs["target_ids"].flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if loss.item() < _LEARNT:
            torch.set_num_threads(threads)
            return
    raise RuntimeError(f"le petit SALM n'a pas appris ses leçons (perte {loss.item():.3f})")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in sorted(salm(target).rglob("*")):
        if path.is_file():
            print(path.relative_to(target), path.stat().st_size)
