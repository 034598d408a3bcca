"""Lu par Python au démarrage de chaque processus de l'interpréteur d'essai ; n'agit que dans le plan de contrôle."""

import sys

if sys.orig_argv[1:4] == ["-m", "server", "control"]:
    import server.control.gpu.nvml
    from tests.fakes.gpu_machine.probe import FileDriver

    server.control.gpu.nvml.NvmlDriver = FileDriver  # type: ignore[assignment,misc]
