"""La part de chaque appelant dans les files : celle que les réglages donnent à sa clé ou à son jeton, sinon une."""

from collections.abc import Mapping

from server.fair import with_share
from server.rpc.caller import caller


class Shares:
    """Parts données, par étiquette d'appelant (`server/rpc/caller.py`)."""

    def __init__(self, given: Mapping[str, int]) -> None:
        self._given = given

    def lane(self) -> str:
        """Étiquette de l'appelant en cours dans toutes les files, sa part avec elle."""
        label = caller.get().id
        return with_share(label, self._given.get(label, 1)) if self._given else label
