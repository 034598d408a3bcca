"""HEALTHCHECK du conteneur : 0 quand `/readyz`, ou le chemin donné, répond 200 sur la prise locale d'Envoy.

Par la prise : ni le port, ni TLS, ni un certificat de client ne changent la réponse. Bibliothèque standard seule.
"""

import http.client
import os
import socket
import sys
import tempfile
from pathlib import Path

TIMEOUT = 4.0


def main() -> int:
    """Rend le code de sortie, et écrit ce qui manque."""
    base = Path(os.environ.get("PASSERELLE_RUN_BASE", "").strip() or tempfile.gettempdir())
    asked = sys.argv[1] if len(sys.argv) > 1 else "/readyz"
    answers = [answer(path, asked) for path in base.glob("passerelle-*/envoy-local.sock")]
    if not answers:
        print(f"aucun serveur sous {base} : il démarre, ou s'est arrêté")
        return 1
    for status, body in answers:
        print(body)
        if status == 200:
            return 0
    return 1


def answer(path: Path, asked: str) -> tuple[int, str]:
    """Code et corps de la réponse ; 0 si personne ne répond."""
    connection = http.client.HTTPConnection("localhost", timeout=TIMEOUT)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(TIMEOUT)
    try:
        connection.sock.connect(str(path))
        connection.request("GET", asked)
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{path} : {error}"
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
