"""Les services gRPC du plan de contrôle."""
