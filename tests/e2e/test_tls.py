"""Le produit derrière un certificat, qui en exige un du client."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
from passerelle.v1 import admin_pb2, admin_pb2_grpc

from tests.support.certificates import Authority, Issued, served_name
from tests.support.product import Product, running_product, wait_until


@dataclass(frozen=True)
class Secured:
    """Produit et ce qu'il faut pour lui parler."""

    product: Product
    authority: Authority
    server: Issued
    client: Issued


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("t")
    authority = Authority(folder)
    server, client = authority.issue("premier"), authority.issue("client")
    env = {
        "PASSERELLE_TLS_CERT": str(server.certificate),
        "PASSERELLE_TLS_KEY": str(server.key),
        "PASSERELLE_TLS_CLIENT_CA": str(authority.certificate),
    }
    with running_product(folder, env=env) as product:
        yield Secured(product, authority, server, client)


def test_a_client_with_a_certificate_is_served(secured: Secured) -> None:
    context = secured.authority.context(secured.client)
    with httpx.Client(base_url=secured.product.base_url, verify=context, timeout=30) as http:
        assert http.get("/readyz").json() == {"ready": True, "reasons": []}
        endpoints = http.get("/api/capabilities").json()["endpoints"]
        same_page = {"origin": secured.product.base_url}
        assert http.post("/api/admin/models/qwen/unload", json={"wait": True}, headers=same_page).status_code == 200
    assert {endpoint["url"].partition(":")[0] for endpoint in endpoints} == {"https", "wss"}
    credentials = grpc.ssl_channel_credentials(
        secured.authority.certificate.read_bytes(),
        secured.client.key.read_bytes(),
        secured.client.certificate.read_bytes(),
    )
    with grpc.secure_channel(secured.product.target, credentials) as channel:
        status = admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=30).status
    assert [model.key for model in status.models] == ["qwen", "canary", "pyannote"]


def test_a_client_without_a_good_certificate_is_refused(secured: Secured, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "inconnue").issue("intrus")
    for client in (None, stranger):
        with pytest.raises((httpx.TransportError, ssl.SSLError)):
            httpx.get(f"{secured.product.base_url}/readyz", verify=secured.authority.context(client), timeout=10)
    credentials = grpc.ssl_channel_credentials(secured.authority.certificate.read_bytes())
    with grpc.secure_channel(secured.product.target, credentials) as channel, pytest.raises(grpc.RpcError) as refused:
        admin_pb2_grpc.AdminServiceStub(channel).GetStatus(admin_pb2.GetStatusRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_is_served_without_a_restart(secured: Secured) -> None:
    context = secured.authority.context(secured.client)
    assert served_name(secured.product.port, context) == "premier"
    renewed = secured.authority.issue("second")
    # Par renommage, comme certbot ; un fichier récrit sur place est éprouvé dans tests/unit/test_tls.py.
    renewed.key.rename(secured.server.key)
    renewed.certificate.rename(secured.server.certificate)
    wait_until(lambda: served_name(secured.product.port, context) == "second", 60, "certificat renouvelé")
    assert "TLS : certificat renouvelé." in secured.product.log.read_text()
