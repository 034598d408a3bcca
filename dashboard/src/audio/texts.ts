// Les textes de la page « Fichier audio ».

import { typeset } from "../typography";
import type { Task } from "./job/request";

/** Étapes d'un travail sur de l'audio ; une étape inconnue se montre telle quelle. */
export const STAGES: Record<string, string> = typeset({
  decoding: "Décodage",
  recognition: "Reconnaissance",
  segmentation: "Recherche des tours",
  embeddings: "Reconnaissance des voix",
  merging: "Fusion",
});

export const TASKS: Record<Task, { label: string; run: string; does: string }> = typeset({
  transcribe: { label: "Transcrire", run: "Transcrire", does: "Le texte, segment par segment." },
  speakers: {
    label: "Transcrire avec locuteurs",
    run: "Transcrire avec locuteurs",
    does: "Le texte, et qui dit chaque phrase.",
  },
  diarize: { label: "Diariser", run: "Diariser", does: "Qui parle, et quand, sans le texte." },
});

const LANGUAGE_NAMES = new Intl.DisplayNames(["fr"], { type: "language" });

/** Nom français d'une langue, d'après son code. */
export function languageName(code: string): string {
  return LANGUAGE_NAMES.of(code) ?? code;
}

export const T = typeset({
  noModel: "Ce serveur n'a ni modèle de transcription ni modèle de diarisation.",
  file: "Fichier",
  choose: "Choisir un fichier",
  replace: "Changer de fichier",
  remove: "Retirer",
  drop: "ou déposez-le ici",
  dropNow: "Lâchez pour prendre ce fichier",
  formats: "WAV, FLAC, MP3, OGG, WebM ou M4A. Le fichier ne va qu'à ce serveur.",
  atMost: (size: string, duration: string) => `${size} et ${duration} au plus.`,
  unknownDuration: "durée inconnue du navigateur",
  task: "Que faire de ce fichier ?",
  options: "Réglages",
  transcriber: "Modèle de transcription",
  diarizer: "Modèle de diarisation",
  language: "Langue parlée",
  detect: "Détection automatique",
  modelLanguage: "Langue par défaut du modèle",
  translate: "Traduire en anglais",
  words: "Montrer chaque mot et son instant",
  punctuation: "Ponctuation et majuscules",
  prompt: "Contexte",
  promptHelp: "Noms propres, sigles, vocabulaire attendu.",
  promptCount: (length: number, most: number) => `${length} / ${most} caractères`,
  phrases: "Phrases à préférer",
  phrasesHelp: "Une par ligne : noms, sigles, expressions que le modèle reconnaîtra de préférence.",
  counting: "Nombre de locuteurs",
  countings: { auto: "Automatique", exact: "Exact", bounds: "Entre deux bornes" },
  exact: "Exactement",
  min: "Au moins",
  max: "Au plus",
  countHelp: (most: number) => `De 1 à ${most}.`,
  exclusive: "Montrer les tours sans recouvrement",
  willLoad: "Il n'est pas chargé : la demande le chargera d'abord.",
  willDownload: "Ses poids sont à télécharger : la demande échouera tant qu'ils manquent.",
  toModels: "Aller à la page Modèles",
  cancel: "Annuler",
  noFile: "Choisissez d'abord un fichier.",
  seeResult: "Voir",
  sending: "Envoi",
  sentOf: (sent: string, total: string) => `${sent} sur ${total}`,
  waiting: "Le serveur a tout reçu ; il attend le modèle.",
  finishing: "Le serveur achève le travail",
  cancelled: "Travail annulé.",
  interrupted: "La réponse s'est interrompue ; réessayez.",
  uploadBroken: "La connexion s'est fermée pendant l'envoi ; vérifiez que le serveur tourne, puis réessayez.",
  result: "Résultat",
  empty: "Aucune parole dans ce fichier.",
  done: (count: number) => (count > 1 ? `Terminé : ${count} passages.` : `Terminé : ${count} passage.`),
  languageFound: (name: string, percent: number | undefined) =>
    percent === undefined ? `Langue : ${name}` : `Langue reconnue : ${name} (${percent} %)`,
  languageAssumed: (name: string) => `Langue supposée : ${name}`,
  speed: (time: string, times: string) => `Traité en ${time}, ${times} fois le temps réel`,
  doubtful: (percent?: number) => `À vérifier${percent === undefined ? "" : ` : confiance de ${percent} %`}`,
  doubts: (count: number) =>
    count > 1
      ? `${count} mots à vérifier, soulignés d'un pointillé`
      : `${count} mot à vérifier, souligné d'un pointillé`,
  unheard: (count: number) =>
    count > 1 ? `${count} prises de parole sans mot reconnu` : `${count} prise de parole sans mot reconnu`,
  copyText: "Copier le texte",
  download: (label: string) => `Télécharger en ${label}`,
  labelsKept: "Les fichiers gardent les étiquettes du serveur, non les noms donnés ici.",
  player: "Écoute",
  play: "Lire",
  pause: "Pause",
  position: "Position dans l'audio",
  at: (time: string, total: string) => `${time} sur ${total}`,
  unplayable: "Ce navigateur ne sait pas lire ce format : l'écoute est impossible ici, le travail reste possible.",
  zoomIn: "Agrandir",
  zoomOut: "Réduire",
  wave: {
    reading: (percent: number) => `Lecture de l'onde : ${percent} %`,
    long: (limit: string) =>
      `Onde non dessinée : hors WAV, un fichier de plus de ${limit} prendrait trop de mémoire ici.`,
    unreadable: "Onde non dessinée : ce navigateur ne sait pas décoder ce fichier.",
  },
  turns: "Tours de parole",
  segments: "Segments",
  timeline: "Tours de parole dans le temps",
  overlaps: "Paroles simultanées",
  speaking: (time: string, percent: number) => `${time} · ${percent} %`,
  turnCount: (count: number) => (count > 1 ? `${count} tours` : `${count} tour`),
  passage: (speaker: string, start: string, end: string) => `${speaker}, de ${start} à ${end}`,
  lasting: (time: number) => (time < 0.1 ? "moins de 0,1 s" : `${time.toFixed(1).replace(".", ",")} s`),
  playFrom: (start: string) => `Lire depuis ${start}`,
  renaming: (speaker: string) => `Nom de ${speaker}`,
  rename: (speaker: string) => `Renommer ${speaker}`,
  request: "La requête",
  requestHelp: "Exactement ce que cette page envoie, à écrire soi-même.",
  refusals: {
    empty: "Fichier refusé : il est vide.",
    kind: (what: string) => `Fichier refusé : ce n'est pas de l'audio connu, on y voit ${what}.`,
    unknown: "un contenu inconnu",
    size: (size: string, most: string) => `Fichier refusé : ${size}, plus que la limite de ${most} (max_upload_bytes).`,
    duration: (duration: string, most: string) =>
      `Fichier refusé : ${duration}, plus que la limite de ${most} (max_duration).`,
    count: (field: string, most: number, value: string) =>
      `${field} : un entier de 1 à ${most} est attendu (reçu : ${value || "rien"}).`,
    order: (max: string, min: string) => `min_speakers : au plus max_speakers, ${max}, est attendu (reçu : ${min}).`,
    phrases: (most: number, count: number) => `phrases : ${most} au plus (reçu : ${count}).`,
    phraseCharacters: (most: number, length: number) => `phrases : ${most} caractères au plus (reçu : ${length}).`,
    prompt: (most: number, length: number) => `prompt : ${most} caractères au plus (reçu : ${length}).`,
  },
} as const);
