"""Les mesures d'une machine à GPU : `python -m bench.gpu`."""
