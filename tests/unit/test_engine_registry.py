"""Les adaptateurs livrés : chacun existe, et rien de lourd n'est importé pour le savoir."""

import subprocess
import sys

from server.engines.registry import available_engines


def test_every_adapter_has_its_factory_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from server.engines.registry import available_engines, engine_factory\n"
        "for name in available_engines():\n"
        "    assert callable(engine_factory(name)), name\n"
        "print(sorted({'torch', 'vllm', 'xllamacpp', 'faster_whisper', 'pyannote'} & set(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert shown.stdout.strip() == "[]"
    assert {"vllm", "llamacpp", "whisper"} <= available_engines()
