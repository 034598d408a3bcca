"""Ce que les serveurs gRPC du produit partagent : erreurs, intercepteur, clés, journal, mesures, arrêt."""
