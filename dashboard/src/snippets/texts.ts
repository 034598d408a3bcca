// Les textes des extraits et de la copie.
import { typeset } from "../typography";

export const LANGUAGES = typeset({
  curl: "curl",
  python: "Python",
  node: "Node",
  grpc: "gRPC",
  web: "Navigateur",
} as const);

export const T = typeset({
  languages: "Langage de l'extrait",
  code: (language: string) => `Extrait ${language}`,
  copy: "Copier",
  copied: "Copié",
  selected: "Sélectionné : Ctrl+C",
  which: "Requête montrée",
  sent: "Requête envoyée",
  next: "Prochaine requête",
  sentHelp: "La requête envoyée.",
  nextHelp: "La prochaine requête, avec ces réglages.",
  failed: "La copie a échoué : sélectionnez le texte",
} as const);
