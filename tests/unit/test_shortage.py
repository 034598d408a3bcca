"""Quand la machine n'a plus de quoi : un motif qui dit de réessayer, et rien d'autre n'en souffre."""

import asyncio
import errno
import logging
import os
import resource
import tempfile
from pathlib import Path

import pytest

from server.engines.common.faults import fault_of
from server.errors import HostExhausted
from server.french import why
from server.shortage import shortage
from server.supervisor.envoy import probe
from server.supervisor.envoy_admin import healthy_fronts
from server.supervisor.log_file import LogFile
from server.supervisor.main import OPEN_FILES, _raise_open_files
from server.supervisor.watchdog import Pulse, frozen
from tests.support.shortages import no_descriptors
from tests.support.waiting import soon

SHORTAGES = [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM]


@pytest.mark.parametrize("code", SHORTAGES)
def test_what_the_machine_lacks_is_worth_another_try(code: int) -> None:
    error = shortage(OSError(code, os.strerror(code)))
    assert isinstance(error, HostExhausted) and error.metadata == {"detail": os.strerror(code)}
    assert error.retry_after and why(OSError(code, "")) in error.message and os.strerror(code) not in error.message
    assert isinstance(fault_of(OSError(code, os.strerror(code))), HostExhausted)


def test_memory_counts_too() -> None:
    assert isinstance(shortage(MemoryError()), HostExhausted)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "absent"), PermissionError(13, "non"), ValueError(), OSError()]
)
def test_anything_else_is_a_fault(error: Exception) -> None:
    assert shortage(error) is None


async def test_a_supervisor_out_of_descriptors_accuses_nobody() -> None:
    pulse = Pulse()
    pulse.beat()
    with tempfile.TemporaryDirectory() as folder, no_descriptors():
        guard = asyncio.create_task(frozen(pulse, 1.0, lambda: probe(Path(folder, "envoy.sock"))))
        done, _ = await asyncio.wait({guard}, timeout=2)
        assert not done
    # Le descripteur revenu, le silence de la prise absente compte.
    assert await soon(guard) > 1


def test_an_unasked_envoy_is_not_an_envoy_without_fronts(tmp_path: Path) -> None:
    assert healthy_fronts(tmp_path / "absente.sock") == frozenset()
    with no_descriptors(), pytest.raises(OSError, match="Too many open files"):
        healthy_fronts(tmp_path / "absente.sock")


def test_a_full_disk_is_said_once_and_the_log_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "enfant.log"
    path.symlink_to("/dev/full")
    log = LogFile(path)
    with caplog.at_level(logging.WARNING):
        for number in range(50):
            log.write(f"perdue {number}")
        path.unlink()
        log.write("gardée")
        log.write("gardée aussi")
    log.close()
    assert path.read_text(encoding="utf-8").splitlines() == ["gardée", "gardée aussi"]
    assert [record.getMessage() for record in caplog.records] == ["log_unwritable", "log_writable"]
    assert caplog.records[-1].__dict__["lost_lines"] == 50


def test_the_soft_limit_of_a_shell_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        _raise_open_files()
        found = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == (OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES), hard)
