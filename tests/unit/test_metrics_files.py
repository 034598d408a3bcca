"""Les mesures d'un processus sur un disque plein."""

import os
import subprocess
import sys
from pathlib import Path

from server.rpc import metrics

ROOT = Path(__file__).resolve().parents[2]
COUNT = """
import os
from pathlib import Path
from server.rpc.metrics import RpcMetrics, process_registry
found = RpcMetrics(process_registry())
before = {path.name: (path.stat().st_size, path.stat().st_blocks) for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).iterdir()}
for method in range(64):
    for code in range(17):
        found.calls.labels(f"/passerelle.v1.UnServiceAuNomAssezLong/UneMethodeAussi{method}", f"CODE_{code}").inc()
    found.seconds.labels(f"/passerelle.v1.UnServiceAuNomAssezLong/UneMethodeAussi{method}").observe(1)
    found.in_flight.labels(f"/passerelle.v1.UnServiceAuNomAssezLong/UneMethodeAussi{method}").inc()
after = {path.name: (path.stat().st_size, path.stat().st_blocks) for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).iterdir()}
assert before == after, (before, after)
print(len(after), min(blocks * 512 for _, blocks in after.values()))
"""


def test_every_page_of_the_measures_is_there_before_the_first(tmp_path: Path) -> None:
    """Une page prise plus tard, sur un disque plein, serait un SIGBUS : aucune ne l'est, quel que soit ce qui est compté."""
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'gen' / 'python'}"}
    done = subprocess.run([sys.executable, "-c", COUNT], env=env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files, smallest = map(int, done.stdout.split())
    assert files == len(metrics._FILES) and smallest >= metrics._FILE_BYTES
