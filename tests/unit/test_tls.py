"""Les certificats donnés à Envoy : seulement une paire vérifiée, et seulement quand elle change."""

import asyncio
import json
import stat
import subprocess
from pathlib import Path

import pytest

from server.settings.config import load_config
from server.settings.profile import ConfigError
from server.supervisor.envoy_tls import clients_secret, server_secret
from server.supervisor.tls import TlsError, TlsFiles, TlsKeeper
from tests.support.certificates import Authority, Issued
from tests.support.waiting import until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def keeper(folder: Path, pair: Issued, client_ca: Path | None = None) -> TlsKeeper:
    run_dir = folder / "run"
    run_dir.mkdir(exist_ok=True)
    return TlsKeeper(TlsFiles(pair.certificate, pair.key, client_ca), run_dir, interval=0.01)


def given(folder: Path) -> str:
    [resource] = json.loads(server_secret(folder / "run").read_text())["resources"]
    return str(resource["tls_certificate"]["certificate_chain"]["inline_string"])


def test_a_pair_is_given_once_and_privately(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("a")
    found = keeper(tmp_path, pair, authority.certificate)
    assert found.publish() and not found.publish()
    assert given(tmp_path) == pair.certificate.read_text()
    files = sorted((tmp_path / "run").iterdir())
    assert files == sorted([server_secret(tmp_path / "run"), clients_secret(tmp_path / "run")])
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


async def test_a_file_rewritten_in_place_is_seen(tmp_path: Path, authority: Authority) -> None:
    pair, other = authority.issue("a"), authority.issue("b")
    found = keeper(tmp_path, pair)
    found.publish()
    following = asyncio.create_task(found.follow())
    # D'abord le certificat seul : la clé n'est pas la sienne, l'ancienne paire reste.
    pair.certificate.write_text(other.certificate.read_text())
    await asyncio.sleep(0.1)
    assert given(tmp_path) != other.certificate.read_text()
    pair.key.write_text(other.key.read_text())
    await until(lambda: given(tmp_path) == other.certificate.read_text())
    following.cancel()


async def test_a_refused_renewal_is_said_once(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = authority.issue("a")
    found = keeper(tmp_path, pair)
    found.publish()
    pair.key.unlink()
    following = asyncio.create_task(found.follow())
    said = ""

    def refused() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "renouvellement refusé" in said

    await until(refused)
    await asyncio.sleep(0.1)
    following.cancel()
    said += capsys.readouterr().err
    assert said.count("renouvellement refusé") == 1 and "PASSERELLE_TLS_KEY" in said


def test_what_cannot_be_served_is_named(tmp_path: Path, authority: Authority) -> None:
    a, b = authority.issue("a"), authority.issue("b")
    with pytest.raises(TlsError, match="la clé n'est pas celle du certificat"):
        keeper(tmp_path, Issued(a.certificate, b.key)).publish()
    with pytest.raises(TlsError, match=r"PASSERELLE_TLS_CERT : .*absent\.pem"):
        keeper(tmp_path, Issued(tmp_path / "absent.pem", a.key)).publish()
    with pytest.raises(TlsError, match="ne forment pas une paire"):
        keeper(tmp_path, Issued(a.key, a.key)).publish()
    empty = tmp_path / "vide.pem"
    empty.touch()
    with pytest.raises(TlsError, match="PASSERELLE_TLS_CLIENT_CA"):
        keeper(tmp_path, a, empty).publish()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_key_with_a_password_is_refused(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue("a")
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkey", "-in", str(pair.key), "-aes256", "-passout", "pass:x", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    with pytest.raises(TlsError, match="mot de passe"):
        keeper(tmp_path, Issued(pair.certificate, locked)).publish()


def test_variables_go_together() -> None:
    base = {"PASSERELLE_PROFILE": "embarque"}
    with pytest.raises(ConfigError, match="PASSERELLE_TLS_KEY"):
        load_config({**base, "PASSERELLE_TLS_CERT": "c.pem"})
    for name in ("PASSERELLE_TLS_KEY", "PASSERELLE_TLS_CLIENT_CA"):
        with pytest.raises(ConfigError, match="PASSERELLE_TLS_CERT"):
            load_config({**base, name: "k.pem"})
    found = load_config({**base, "PASSERELLE_TLS_CERT": "c.pem", "PASSERELLE_TLS_KEY": "k.pem"})
    assert found.scheme == "https" and found.tls_cert == Path("c.pem").absolute()
    assert load_config(base).scheme == "http"
