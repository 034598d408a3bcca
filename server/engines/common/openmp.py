"""OpenMP, dont se servent les moteurs qui calculent sur le processeur."""

import os


def calm_openmp() -> None:
    """À appeler avant le premier import qui le charge : sinon, ses fils tournent à vide sur des cœurs partagés."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
