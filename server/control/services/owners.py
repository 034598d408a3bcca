"""Un propriétaire et ses étiquettes : celles de ses clés nommées, et celle de ses jetons."""

from server.control.record.keys import KeyBook
from server.errors import InvalidState
from server.rpc.tokens import owner_label


class Owners:
    """Propriétaires de clés nommées et de jetons."""

    def __init__(self, book: KeyBook, issuer: str = "") -> None:
        """`issuer` : émetteur des jetons ; vide : aucun n'est admis."""
        self._book = book
        self._issuer = issuer

    async def labels(self, owner: str, issuer: str = "") -> frozenset[str]:
        """Étiquettes sous lesquelles ce propriétaire est compté.

        Raises:
            InvalidState: la table des clés ne se lit pas.
        """
        issued = issuer or self._issuer
        tokens = {owner_label(issued, owner)} if issued else set()
        return frozenset(key.id for key in await self._book.newest() if key.owner == owner) | tokens

    async def labels_known(self, name: str) -> frozenset[str]:
        """De même, pour lire : une table illisible ne retient pas l'usage, que l'étiquette suffit à dire."""
        try:
            return await self.labels(name)
        except InvalidState:
            return frozenset()

    async def forget(self, owner: str) -> tuple[list[str], list[str]]:
        """Révoque ses clés nommées et en ôte son nom ; les rend, et celles qu'un fichier monté nomme encore.

        Raises:
            InvalidState: la table ne se lit pas.
        """
        if self._book.mounted:
            return [], [key.id for key in await self._book.newest() if key.owner == owner]
        return await self._book.forget(owner), []
