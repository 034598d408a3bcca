"""Les services publics : traduire, appeler, traduire."""
