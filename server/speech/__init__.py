"""De l'audio reçu aux fenêtres qu'un moteur comprend : décodage borné, rééchantillonnage, parole, fenêtres, fusion.

Une seule chaîne pour tous les moteurs et tous les chemins. Les ondes sont en flottants de 32 bits, un canal, 16 kHz.
"""
