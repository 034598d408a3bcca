"""Les moteurs : un adaptateur par bibliothèque, derrière un petit Protocol par capacité."""
