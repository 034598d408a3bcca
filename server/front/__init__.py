"""Un front : reçoit les appels d'Envoy, les vérifie, les mène à l'exemplaire d'un modèle, rend sa réponse.

Il ne porte aucun modèle. REST et gRPC typé se rejoignent dans `generation.py`.
"""
