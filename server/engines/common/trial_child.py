"""Le processus où une grammaire se compile à l'essai : ce qui explose n'y emporte qu'un enfant.

Lancé seul (`python -I trial_child.py compilateur.py`), il n'importe rien de Passerelle. Il charge une fois la
bibliothèque du moteur, puis fait de chaque essai un enfant, sous des bornes de temps de processeur et de mémoire.

Entrée : une ligne JSON de réglages, puis une par essai (`kind`, `source`). Sortie : une ligne quand il est prêt, puis
une par essai : `status` vaut `ok`, `error` (avec `message`), `seconds`, `memory`, ou `late` : jugé à la montre, et non
au travail.
"""

import ctypes
import importlib.util
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

_MESSAGE_CHARACTERS = 500
_PR_SET_PDEATHSIG = 1

Compile = Callable[[str, str], None]
"""Compile une grammaire de cette langue (`server/chat_grammars.py`) ; lève ce que sa bibliothèque y trouve à redire."""


def main() -> int:
    """Essaie ce qu'on lui envoie, jusqu'à la fin de son entrée."""
    settings = json.loads(sys.stdin.readline())
    os.nice(10)
    die_with_parent = ctypes.CDLL(None).prctl
    compile_one = _compiler(sys.argv[1])(settings)
    print(json.dumps({"status": "ok"}), flush=True)
    for line in sys.stdin:
        print(json.dumps(_trial(json.loads(line), settings, compile_one, die_with_parent)), flush=True)
    return 0


def _compiler(path: str) -> Callable[[dict[str, Any]], Compile]:
    spec = importlib.util.spec_from_file_location("grammar_compiler", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    prepare: Callable[[dict[str, Any]], Compile] = module.prepare
    return prepare


def _trial(
    job: dict[str, str], settings: dict[str, Any], compile_one: Compile, die_with_parent: Callable[..., int]
) -> dict[str, str]:
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        # Ce qu'une bibliothèque écrit d'une grammaire est à son appelant, pas au journal.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        die_with_parent(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _bound(settings)
        os.write(write, json.dumps(_outcome(job, compile_one)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    _, code = os.waitpid(pid, 0)
    if os.WIFSIGNALED(code):
        killed = os.WTERMSIG(code)
        if killed == signal.SIGALRM:
            return {"status": "late"}
        # Une bibliothèque à court de mémoire, ou de pile, s'interrompt d'elle-même.
        return {"status": "seconds" if killed in (signal.SIGPROF, signal.SIGXCPU) else "memory"}
    result: dict[str, str] = json.loads(said)
    return result


def _bound(settings: dict[str, Any]) -> None:
    with open("/proc/self/statm", "rb") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    most = used + int(settings["memory_bytes"])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Plus fin que RLIMIT_CPU, qui compte en secondes entières ; le noyau l'applique dans un appel natif aussi.
    signal.setitimer(signal.ITIMER_PROF, settings["seconds"])
    signal.setitimer(signal.ITIMER_REAL, settings["wall_seconds"])


def _outcome(job: dict[str, str], compile_one: Compile) -> dict[str, str]:
    try:
        compile_one(job["kind"], job["source"])
    except MemoryError:
        return {"status": "memory"}
    except Exception as error:
        if "bad_alloc" in str(error):
            return {"status": "memory"}
        return {"status": "error", "message": str(error)[:_MESSAGE_CHARACTERS]}
    return {"status": "ok"}


if __name__ == "__main__":
    sys.exit(main())
