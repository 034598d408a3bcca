"""Mesures rejouables : chacune compare, dans une même exécution, Passerelle et son pair."""
