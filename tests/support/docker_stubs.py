"""De faux docker, nvidia-smi, ip, curl : ils notent ce qu'on leur demande, et répondent ce que l'essai dit."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Les seuls vrais programmes que les scripts voient : ni docker, ni curl, ni nvidia-smi de la machine.
TOOLS = [
    "bash",
    "basename",
    "cat",
    "chown",
    "dirname",
    "env",
    "grep",
    "head",
    "mkdir",
    "rm",
    "sed",
    "sort",
    "stat",
    "tr",
]
RECORD = 'printf "%s\\0" "${0##*/}" "$@" >>"$STUBS/calls"; printf "\\n\\0" >>"$STUBS/calls"\n'
STUBS = {
    "docker": """
case "$1 ${2-}" in
  "info "*) printf '%s' "${STUB_INFO-28.0}"; exit "${STUB_INFO_CODE-0}" ;;
  "image inspect") exit "${STUB_IMAGE_CODE-0}" ;;
  "container inspect")
    case "$*" in
      *Health*) echo "${STUB_HEALTH-healthy}" ;;
      *Restart*) echo "${STUB_STATE-running 0}" ;;
      *) [ -n "${STUB_EXISTING-}" ] && echo "$STUB_EXISTING" ;;
    esac ;;
  "run "*) env -0 >"$STUBS/environ"; printf '%s' "${STUB_RUN-0123abcd}"; exit "${STUB_RUN_CODE-0}" ;;
  "build "*) exit "${STUB_BUILD_CODE-0}" ;;
  "logs "*) echo "dernières lignes" ;;
esac
""",
    "nvidia-smi": """
case "$*" in
  *uuid*) printf '%s' "${STUB_GPUS-}" ;;
  *) printf '%s' "${STUB_DRIVER-580.95.05}" ;;
esac
exit "${STUB_SMI_CODE-0}"
""",
    "ip": """
case "$*" in
  "route get 192.0.2.1") printf '%s' "${STUB_ROUTE-192.0.2.1 via 10.200.50.1 dev eth0 src 10.200.50.46 uid 0}" ;;
  *) printf '%s' "${STUB_ROUTE6-}" ;;
esac
""",
    # Les codes HTTP successifs, un par ligne ; le dernier reste.
    "curl": """
n=$(grep -c '' "$STUBS/asked" 2>/dev/null); echo >>"$STUBS/asked"
code=$(printf '%s\\n' ${STUB_HTTP-200} | sed -n "$((n + 1))p")
[ -n "$code" ] || code=$(printf '%s\\n' ${STUB_HTTP-200} | sed -n '$p')
[ "$code" = 000 ] && exit 7
[ "$code" = 200 ] || printf '{"ready":false,"reasons":["aucun front ne sert"]}'
printf '\\n%s' "$code"
""",
    "id": 'case "$1" in -un) echo moi ;; *) echo "${STUB_UID-1000}" ;; esac\n',
    "sleep": "exit 0\n",
}


@dataclass
class Result:
    code: int
    out: str
    err: str
    calls: list[list[str]]
    environ: dict[str, str]

    @property
    def run(self) -> list[str]:
        """Arguments de « docker run »."""
        return self.only("run")

    def only(self, verb: str) -> list[str]:
        [found] = [call for call in self.calls if call[:2] == ["docker", verb]]
        return found

    def values(self, option: str) -> list[str]:
        """Valeurs d'une option répétée de « docker run »."""
        return [value for name, value in zip(self.run, self.run[1:], strict=False) if name == option]


Play = Callable[..., Result]


def make_play(tmp_path: Path) -> Play:
    """De quoi jouer un script ; `without` retire des programmes, `env` règle les autres."""
    stubs, tools = tmp_path / "stubs", tmp_path / "tools"
    stubs.mkdir()
    tools.mkdir()
    for name in TOOLS:
        target = shutil.which(name)
        assert target, name
        (tools / name).symlink_to(target)
    for name, body in STUBS.items():
        (stubs / name).write_text(f"#!{tools / 'bash'}\n{RECORD}{body}")
        (stubs / name).chmod(0o755)

    def run(script: str, *arguments: str, without: tuple[str, ...] = (), **env: str) -> Result:
        for name in without:
            (stubs / name).unlink()
        done = subprocess.run(
            [str(ROOT / script), *arguments],
            cwd=tmp_path,
            env={"PATH": f"{stubs}:{tools}", "STUBS": str(tmp_path), **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        log = tmp_path / "calls"
        records = log.read_text().split("\n\0") if log.exists() else []
        environ = tmp_path / "environ"
        pairs = environ.read_text().split("\0") if environ.exists() else []
        return Result(
            done.returncode,
            done.stdout,
            done.stderr,
            [record.split("\0")[:-1] for record in records if record],
            dict(pair.partition("=")[::2] for pair in pairs if pair),
        )

    return run
