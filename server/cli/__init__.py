"""La ligne de commande `passerelle` : un client des souches, et un diagnostic de la machine."""
