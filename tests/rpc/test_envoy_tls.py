"""Envoy derrière un certificat, sans en demander au client."""

from pathlib import Path

import grpc
import httpx
import pytest
from passerelle.v1 import admin_pb2, admin_pb2_grpc
from passerelle_client import Client, Retry, Tls
from passerelle_client.errors import ServerUnreachable

from server.supervisor.tls import TlsFiles, TlsKeeper
from tests.support.certificates import Authority, served_name
from tests.support.gateway import gateway
from tests.support.tls import SSL
from tests.support.waiting import PATIENCE, wait_until


def test_rest_grpc_and_a_renewed_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second = authority.issue("premier"), authority.issue("second")
    files = TlsFiles(first.certificate, first.key)
    with gateway(tmp_path / "log", tls=files) as found:
        port, trusted = found.settings.port, authority.context()
        for http2 in (False, True):
            with httpx.Client(verify=authority.context(), http2=http2, timeout=PATIENCE) as http:
                response = http.get(f"https://127.0.0.1:{port}/healthz")
                assert (response.status_code, response.http_version) == (200, "HTTP/2" if http2 else "HTTP/1.1")
        roots = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
        with grpc.secure_channel(found.target, roots) as channel:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            assert stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=PATIENCE).status.profile_notice
        with Client(f"https://127.0.0.1:{port}", tls=Tls(ca=authority.certificate.read_bytes())) as client:
            stub = admin_pb2_grpc.AdminServiceStub(client.channel)
            assert stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=PATIENCE).status.profile_notice
        # Une autorité que la machine ne connaît pas.
        with Client(f"https://127.0.0.1:{port}", retry=Retry(attempts=1)) as client, pytest.raises(ServerUnreachable):
            client.capabilities()
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5, verify=SSL)
        assert served_name(port, trusted) == "premier"
        assert TlsKeeper(TlsFiles(second.certificate, second.key), found.settings.run_dir).publish()
        wait_until(lambda: served_name(port, trusted) == "second", "le certificat renouvelé est servi")
