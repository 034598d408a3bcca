"""Le contexte TLS de tous les clients d'essai : en bâtir un coûte 64 ms, et une attente en ferait vingt par seconde."""

import httpx

SSL = httpx.create_ssl_context()
