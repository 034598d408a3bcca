"""Des appels sans fin, sans clé, contre le produit entier : qui a une clé est servi, et les sondes répondent."""

import time

import httpx

from server.domain import Limits
from tests.support.flood import EMPTY, floods
from tests.support.product import Product
from tests.support.tls import SSL
from tests.support.waiting import wait_until

ENDLESS = {
    "/grpc.health.v1.Health/Watch": (1000, EMPTY),  # de quoi remplir un front
    "/passerelle.v1.AdminService/WatchStatus": (200, EMPTY),
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": (200, None),
}
SECONDS = 3.0


def test_a_flood_without_a_key_stops_nobody(guarded: Product) -> None:
    port = int(guarded.target.rpartition(":")[2])
    share = Limits().max_open_calls_per_address
    key = {"authorization": "Bearer cle-a"}
    with (
        floods(port, 9 * len(ENDLESS)) as found,
        httpx.Client(base_url=guarded.base_url, timeout=10, verify=SSL) as http,
    ):
        for index, (path, (calls, message)) in enumerate(ENDLESS.items()):
            for one in found[index * 9 :][:9]:
                one.call(path, calls, message)
        # Une part dans chaque front, une au plan de contrôle.
        wait_until(lambda: sum(one.held for one in found) <= 4 * share, "les appels de trop sont refusés")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            assert http.get("/v1/models", headers=key).status_code == 200
            assert http.get("/readyz").status_code == 200
            assert http.get("/healthz").status_code == 200
            assert not any(one.refused for one in found)
            time.sleep(0.05)
        assert sum(one.held for one in found) >= share
