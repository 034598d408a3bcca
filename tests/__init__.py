"""Les essais de Passerelle."""
