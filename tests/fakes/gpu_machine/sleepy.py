"""Un moteur d'essai qui sait dormir : llama.cpp, refermé pendant son sommeil. Des moteurs livrés, seul vLLM sait dormir.

Un profil le nomme `tests.fakes.gpu_machine.sleepy:create_engine`.
"""

from server.engines.base import EngineSpec
from server.engines.llamacpp.engine import LlamaCppEngine

NAME = "tests.fakes.gpu_machine.sleepy:create_engine"


class SleepyEngine(LlamaCppEngine):
    """Rend toute sa mémoire en s'endormant, et relit ses poids au réveil."""

    @property
    def features(self) -> frozenset[str]:
        return super().features | {"sleep"}

    async def sleep(self, level: int) -> None:
        await self.close()

    async def wake(self) -> None:
        await self.open()


def create_engine(spec: EngineSpec) -> SleepyEngine:
    """Fabrique du moteur."""
    return SleepyEngine(spec)
