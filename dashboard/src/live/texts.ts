// Les textes de la page « Micro ».
import { typeset } from "../typography";

export const T = typeset({
  title: "Micro",
  control: "Microphone",
  noModel: "Ce serveur n'a pas de modèle de transcription.",
  start: "Parler",
  stop: "Arrêter",
  abandon: "Ne pas attendre la fin",
  unavailable: "Micro indisponible ici",
  asking: "Autorisation attendue…",
  connecting: "Ouverture du flux…",
  listening: "À l'écoute",
  resuming: "Le flux a été coupé : il se reprend, rien n'est perdu…",
  closing: "Fin de la transcription…",
  device: "Entrée",
  defaultDevice: "Microphone par défaut",
  unnamedDevice: (rank: number) => `Microphone ${rank}`,
  speakers: "Dire qui parle",
  level: "Niveau du microphone",
  privacy: "Le son ne va qu'à ce serveur. Le flux continue si vous changez de page ; un bandeau le rappelle.",
  transcript: "Transcription",
  hint: "Ce que vous dites s'écrit ici : en gris tant que la phrase n'est pas finie, puis pour de bon.",
  nothing: "Aucune parole n'a été reconnue.",
  waitingWords: "En attente de parole…",
  hearing: "Parole entendue : le texte vient…",
  late: (seconds: number) => `le serveur a ${seconds} s de retard`,
  isLate: "le serveur est en retard",
  lateWords: (seconds: number) => `Le serveur a ${seconds} s de retard : le texte viendra, rien n'est perdu.`,
  newest: "Dernières phrases",
  facts: { elapsed: "Durée", latency: "Latence", language: "Langue", model: "Modèle" },
  latencyHelp: "Temps entre la fin de la dernière phrase et son texte final, silence de fin de phrase compris.",
  latency: (value: string) => `${value} s`,
  unheard: (count: number) =>
    count > 1 ? `${count} prises de parole sans mot reconnu` : `${count} prise de parole sans mot reconnu`,
  clear: "Effacer",
  badge: (elapsed: string) => `Micro ouvert · ${elapsed}`,
  back: "Revenir au micro",
  request: "La requête",
  requestHelp:
    "Le même flux, depuis un fichier WAV\u00a0: par le WebSocket de cette page, ou en gRPC\u00a0; curl, qui n'envoie pas de flux, passe par la route des fichiers. Au micro, sans navigateur\u00a0: examples/direct.py. Les messages sont dans docs/audio.md.",
  requestPackages: "Paquets : «\u00a0pip install websockets\u00a0» en Python, «\u00a0npm install ws\u00a0» en Node.",
  secure: {
    title: "Le navigateur n'ouvre le microphone qu'à une page sûre.",
    cure: (origin: string, local: string) =>
      `Celle-ci vient de ${origin}, en HTTP simple. Deux remèdes : donner un certificat au serveur (TLS, docs/tls.md), ou l'ouvrir par ${local}, sur cette machine ou à travers un tunnel (ssh\u00a0-L).`,
  },
  problems: {
    denied:
      "Le microphone est refusé à cette page. Autorisez-le dans les réglages du site (à gauche de l'adresse), puis réessayez.",
    none: "Aucun microphone n'est branché, ou le système le cache au navigateur.",
    busy: "Le microphone ne répond pas : une autre application le tient peut-être. Fermez-la, puis réessayez.",
    program:
      "Le programme qui écoute le microphone n'a pas pu être lu : le serveur ne répond pas, ou il a été mis à jour. Rechargez la page.",
    insecure: "Le navigateur n'ouvre le microphone qu'à une page sûre : HTTPS, ou localhost.",
    other: (name: string) => `Le microphone ne s'ouvre pas (${name}).`,
    unplugged:
      "Le microphone a été débranché, ou repris par le système : le flux est clos, ce qui précède est complet.",
    slow: "Le serveur ne suit plus : trop d'audio attend d'être envoyé. Le flux est abandonné.",
    abandoned: "Le flux est abandonné : la fin de ce qui a été dit n'a pas été attendue.",
    unreachable: "Le flux n'a pas pu s'ouvrir ; vérifiez que le serveur tourne, puis réessayez.",
    lost: "La connexion s'est fermée avant la fin ; le texte affiché s'arrête là.",
    unexpected: "Le serveur a envoyé un message que cette page ne comprend pas ; rechargez-la.",
  },
} as const);
