"""Le chien de garde : un enfant vivant donne signe de vie ; figé, il se tait, et rien d'autre ne le dirait.

Un enfant en Python bat dans un tube depuis sa boucle (`server.lifetime.Heart`) ; un programme qui ne sait pas battre a
une sonde. Un exemplaire n'est gardé qu'à partir de son premier signe : un moteur qui s'ouvre peut se taire aussi
longtemps qu'il lui faut.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from server.shortage import is_shortage

Probe = Callable[[], Awaitable[None]]
"""Revient si l'enfant répond, lève `OSError` sinon."""

_READ_BYTES = 4096
_LONGEST_PERIOD = 1.0
_FIRST_SIGN_PERIOD = 0.05
"""Secondes entre deux sondes tant que rien n'a répondu : figé avant d'avoir été vu, un enfant garderait tout le temps
laissé à son ouverture."""


class Pulse:
    """Silence d'un enfant, compté au temps où le superviseur lui-même n'était pas en retard."""

    def __init__(self) -> None:
        self.silence: float | None = None
        """Secondes depuis le dernier signe ; `None` avant le premier, s'il peut tarder."""

    def beat(self) -> None:
        """Signe de vie."""
        self.silence = 0.0

    def expect(self, seconds: float) -> None:
        """Attend le premier signe d'ici `seconds` secondes, en plus du silence admis ensuite."""
        if self.silence is None:
            self.silence = -seconds

    def tick(self, elapsed: float, period: float) -> None:
        """Compte un tour de garde prévu pour durer `period` secondes.

        Une machine suspendue ou débordée retarde aussi ce tour : ce retard n'est le silence de personne.
        """
        if self.silence is not None:
            self.silence += min(elapsed, 2 * period)


class BeatPipe:
    """Tube où bat un enfant, qui hérite de `write_fd`."""

    def __init__(self) -> None:
        self.pulse = Pulse()
        self._read, self.write_fd = os.pipe()

    def listen(self) -> None:
        """Referme le bout de l'enfant, une fois qu'il en a hérité, et écoute l'autre."""
        os.close(self.write_fd)
        self.write_fd = -1
        os.set_blocking(self._read, False)
        asyncio.get_running_loop().add_reader(self._read, self._on_beat)

    def close(self) -> None:
        """Referme ce qui reste ouvert."""
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1
        if self._read >= 0:
            asyncio.get_running_loop().remove_reader(self._read)
            os.close(self._read)
            self._read = -1

    def _on_beat(self) -> None:
        if os.read(self._read, _READ_BYTES):
            self.pulse.beat()
        else:
            self.close()


async def frozen(pulse: Pulse, limit: float, probe: Probe | None = None) -> float:
    """Attend un silence de plus de `limit` secondes ; le rend."""
    usual = min(_LONGEST_PERIOD, limit / 4)
    seen = probe is None
    last = time.monotonic()
    while True:
        period = usual if seen else min(usual, _FIRST_SIGN_PERIOD)
        await asyncio.sleep(period)
        if probe is not None:
            try:
                async with asyncio.timeout(usual):
                    await probe()
                pulse.beat()
                seen = True
            except TimeoutError:
                pass
            except OSError as error:
                if is_shortage(error):
                    # C'est au superviseur qu'un descripteur manque : l'enfant n'a pas été interrogé.
                    last = time.monotonic()
                    continue
        now = time.monotonic()
        pulse.tick(now - last, usual)
        last = now
        if pulse.silence is not None and pulse.silence > limit:
            return pulse.silence
