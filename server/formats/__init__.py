"""Les formes d'une transcription ou d'une diarisation, toutes rendues d'un même résultat typé."""
