"""Les réglages d'un client gRPC typé ; docs/clients.md dit pourquoi, tests/peers/test_grpc_settings.py les éprouve.

python examples/reglages.py 127.0.0.1:8000 "Bonjour !"
"""

import json
import os
import sys
from typing import Any

import grpc
from passerelle.v1 import chat_pb2, chat_pb2_grpc

SERVICES = ("ChatService", "TranscribeService", "DiarizeService")

POLICY = {
    "methodConfig": [
        {
            "name": [{"service": f"passerelle.v1.{service}"} for service in SERVICES],
            # Un serveur qui redémarre est attendu jusqu'à l'échéance de l'appel, au lieu d'échouer aussitôt.
            "waitForReady": True,
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "1s",
                "maxBackoff": "10s",
                "backoffMultiplier": 2,
                # Jamais RESOURCE_EXHAUSTED : une file pleine dit quand revenir, un envoi trop gros le restera.
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

OPTIONS = (
    # Une connexion coupée en silence (machine éteinte, pare-feu qui l'oublie) se voit en 30 s, même sans appel.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # 4 Mio par défaut, moins que la transcription mot à mot d'une longue réunion.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.service_config", json.dumps(POLICY)),
)


def channel(address: str) -> grpc.Channel:
    """Canal à garder toute la vie du programme : une connexion, jusqu'à 1 024 appels à la fois."""
    return grpc.insecure_channel(address, options=OPTIONS)


def main() -> int:
    """Pose une question ; rend le code de sortie."""
    address, text = sys.argv[1:]
    key = os.environ.get("OPENAI_KEY", "")
    metadata = (("authorization", f"Bearer {key}"),) if key else ()
    message = chat_pb2.ChatMessage(role=chat_pb2.CHAT_ROLE_USER, content=[chat_pb2.ContentPart(text=text)])
    with channel(address) as found:
        stub: Any = chat_pb2_grpc.ChatServiceStub(found)
        # Toujours une échéance : chargement compris, et reprises comprises.
        answer = stub.Chat(chat_pb2.ChatRequest(model="qwen", messages=[message]), timeout=300, metadata=metadata)
    print(answer.choices[0].message.content[0].text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
