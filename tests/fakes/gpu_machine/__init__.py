"""Une machine à GPU sans matériel, pour le produit entier.

`machine.py` est le fichier que l'essai écrit, `probe.py` le pilote qui le lit dans le plan de contrôle, `python.py`
l'interpréteur où ce pilote remplace NVML : rien de tout cela n'est connu de `server/`.
"""
