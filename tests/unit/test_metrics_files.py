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
        found.started(f"/passerelle.v1.UnServiceAuNomAssezLong/UneMethodeAussi{method}")
        found.finished(f"/passerelle.v1.UnServiceAuNomAssezLong/UneMethodeAussi{method}", f"CODE_{code}", 1)
found.pour()
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


FRONT = """
import os
from server.front.metrics import FrontMetrics
from server.rpc.metrics import RpcMetrics, expose, process_registry
import uvloop
registry = process_registry()
front, rpc = FrontMetrics(registry), RpcMetrics(registry)
async def serve():
    for _ in range(1000):
        rpc.started("/m")
        front.started("qwen")
        front.first("qwen", 0.004)
        front.streamed("qwen", 3, 2)
        front.finished("qwen", "chat", None)
        rpc.finished("/m", "OK", 0.3)
uvloop.run(serve())
front.pour()
rpc.pour()
print(expose(registry).decode())
"""


def test_what_a_process_counted_is_whole_in_its_files_at_its_end(tmp_path: Path) -> None:
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'gen' / 'python'}"}
    done = subprocess.run([sys.executable, "-c", FRONT], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    for line in (
        'passerelle_rpc_calls_total{code="OK",method="/m"} 1000.0',
        'passerelle_rpc_seconds_bucket{le="0.25",method="/m"} 0.0',
        'passerelle_rpc_seconds_bucket{le="0.5",method="/m"} 1000.0',
        'passerelle_rpc_in_flight{method="/m"} 0.0',
        'passerelle_generations_total{kind="chat",model="qwen",status="OK"} 1000.0',
        'passerelle_first_output_seconds_bucket{le="0.005",model="qwen"} 1000.0',
        'passerelle_stream_frames_total{model="qwen"} 3000.0',
        'passerelle_stream_flushes_total{model="qwen"} 2000.0',
    ):
        assert line in done.stdout.splitlines(), line
