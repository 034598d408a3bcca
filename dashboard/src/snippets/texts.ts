// Les textes des extraits et de la copie.
export const LANGUAGES = {
  curl: "curl",
  python: "Python",
  node: "Node",
  grpc: "gRPC",
} as const;

export const T = {
  languages: "Langage de l'extrait",
  code: (language: string) => `Extrait ${language}`,
  copy: "Copier",
  copied: "Copié",
  selected: "Sélectionné : Ctrl+C",
  failed: "La copie a échoué : sélectionnez le texte",
} as const;
