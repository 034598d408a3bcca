"""Client typé de Passerelle ; les messages sont ceux de `passerelle.v1`."""

from passerelle_client.aio import AsyncClient
from passerelle_client.calls import Audio, Retry, Tls, message
from passerelle_client.client import Client
from passerelle_client.errors import BY_REASON, PasserelleError
from passerelle_client.stream import Stream

__all__ = ["BY_REASON", "AsyncClient", "Audio", "Client", "PasserelleError", "Retry", "Stream", "Tls", "message"]
