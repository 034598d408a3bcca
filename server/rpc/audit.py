"""Le registre vu des appels : qui a demandé quoi, d'où, ce qui était avant et après, et l'issue.

L'intercepteur y passe chaque appel qui change l'état (`contract.AUDITED`), refus compris ; où une ligne est gardée ne
le regarde pas.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from google.protobuf.json_format import Error, MessageToDict
from google.protobuf.message import Message

from server.pace import Trickle
from server.rpc.caller import caller, client_address
from server.rpc.notes import REFUSAL_SECONDS, REFUSALS

Entry = dict[str, Any]
LOCAL = "local"
"""Adresse de qui appelle par la prise de cette machine."""


class Auditor:
    """Fait une ligne de chaque appel."""

    def __init__(
        self,
        write: Callable[[Entry], Awaitable[None]],
        look: Callable[[Any], Mapping[str, Any] | None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`write` garde une ligne, `look` dit l'état de ce qu'un message désigne."""
        self._write = write
        self._look = look
        self._refusals = Trickle(REFUSALS, REFUSAL_SECONDS, clock)
        self._untold = 0

    def began(self, message: Any) -> Entry:
        """Ce que l'appel demande, et ce qu'il trouve."""
        return {"request": _asked(message), "before": self._look(message)}

    def ended(
        self,
        method: str,
        metadata: Iterable[tuple[str, str | bytes]],
        begun: Entry | None,
        message: Any,
        response: Any,
        outcome: Mapping[str, Any],
    ) -> Awaitable[None] | None:
        """Garde la ligne d'un appel fini ; `begun` manque quand il a été refusé avant d'être lu."""
        if begun is None and not self._refusals.passes():
            self._untold += 1
            return None
        values = {name: value for name, value in metadata if isinstance(value, str)}
        entry: Entry = {
            "action": ".".join(method.rsplit("/", 1)).rpartition("v1.")[2],
            "who": {"caller": caller.get().id, "address": client_address(values) or LOCAL},
            **(begun or {}),
        }
        if begun is not None:
            entry["after"] = self._look(message)
        operation = getattr(response, "operation", None)
        if operation is not None and operation.id:
            entry["operation"] = operation.id
        # La clé que l'acte touche, au même champ quel qu'il soit.
        key = getattr(response, "key", None)
        named = key.id if key is not None else getattr(message, "key", "")
        if named:
            entry["key_id"] = named
        erased = getattr(response, "erased", None)
        if erased is not None:
            entry["erased"] = _asked(erased)
        if self._untold:
            entry["untold_refusals"], self._untold = self._untold, 0
        return self._write({**entry, **outcome})


def _asked(message: Any) -> Entry:
    """Ce que demande un message ; une durée ou un nombre que JSON n'a pas se dit, et l'appel va à son refus."""
    if not isinstance(message, Message):
        return {}
    try:
        return dict(MessageToDict(message, preserving_proto_field_name=True))
    except (Error, ValueError, RecursionError) as error:
        return {"unwritable": str(error)}
