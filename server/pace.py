"""Le rythme de ce qui change trop souvent pour être dit à chaque fois."""

import asyncio
import time
from collections.abc import Callable


class Pace:
    """Appelle aussitôt, puis au plus une fois par période ; après le dernier changement vient toujours un appel."""

    def __init__(self, action: Callable[[], None], seconds: float) -> None:
        self._action = action
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self._pending = False

    def touch(self) -> None:
        """Quelque chose a changé."""
        if self._timer is not None:
            self._pending = True
            return
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._due)
        self._action()

    def close(self) -> None:
        """Ne fait plus d'appel."""
        if self._timer is not None:
            self._timer.cancel()
        self._pending = False

    def _due(self) -> None:
        self._timer = None
        if self._pending:
            self._pending = False
            self.touch()


class Trickle:
    """Laisse passer une poignée d'événements d'affilée, puis un par période."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._seconds, self._clock = float(burst), seconds, clock
        self._left, self._since = float(burst), clock()

    def passes(self) -> bool:
        """Vrai si celui-ci passe."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) / self._seconds)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
