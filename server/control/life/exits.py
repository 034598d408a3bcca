"""La fin d'un exemplaire que personne n'a arrêté : ce que le superviseur en a vu, dit comme cela s'est passé."""

import signal
from dataclasses import dataclass

from server.errors import PasserelleError, WorkerKilled, WorkerLost


@dataclass(frozen=True, slots=True)
class Exit:
    """Fin d'un processus d'exemplaire."""

    code: int
    """Code de sortie, négatif pour un signal."""
    frozen: bool = False
    """Figé, donc tué par le chien de garde."""
    out_of_memory: bool = False
    """Le noyau vient de tuer un processus d'ici, faute de mémoire."""

    def error(self, replica: str, last_words: str, *, opening: bool = False) -> PasserelleError:
        """Ce qui est arrivé : tué, ou arrêté de lui-même."""
        when = " pendant son ouverture" if opening else ""
        if self.frozen:
            ended = f"ne répondait plus et a été tué{when} par le chien de garde"
        elif self.code < 0:
            ended = f"a été {self.said}{when}"
        else:
            ended = f"s'est arrêté{when or ' tout seul'} ({self.said})"
        if self.out_of_memory:
            ended += ", faute de mémoire vive (OOM)"
        killed = self.frozen or self.code < 0 or self.out_of_memory
        return (WorkerKilled if killed else WorkerLost)(
            f"L'exemplaire {replica} {ended}{last_words}.",
            metadata={"replica": replica, "exit_code": str(self.code)},
        )

    @property
    def said(self) -> str:
        """Signal, ou code."""
        if self.code >= 0:
            return f"code {self.code}"
        try:
            return f"tué par {signal.Signals(-self.code).name}"
        except ValueError:
            return f"tué par le signal {-self.code}"
