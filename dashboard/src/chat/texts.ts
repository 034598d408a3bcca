// Les textes de la conversation.
import { bytes } from "../format";
import { typeset } from "../typography";

const decimal = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 2 });
const one = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("fr-FR");

/** Comment un moteur dit avoir fini ; une raison inconnue se montre telle quelle. */
const FINISHES: Record<string, string> = {
  stop: "réponse entière",
  length: "longueur maximale",
  tool_calls: "appel d'outil",
  function_call: "appel de fonction",
  content_filter: "contenu filtré",
  abort: "arrêt",
  error: "panne du moteur",
};

export const T = typeset({
  title: "Conversation",
  log: "Messages",
  restart: "Nouvelle conversation",
  export: "Exporter",
  exports: { markdown: "En Markdown, à relire", json: "En JSON, avec réglages et mesures" },
  exportName: "conversation",
  notKept: "Rien n'est enregistré : recharger la page efface la conversation.",
  kept: "Gardée dans ce navigateur, jamais sur le serveur.",
  keptWords: {
    title: "Conversations",
    keep: "Garder mes conversations dans ce navigateur",
    help: (count: number, size: number) =>
      `Jamais sur le serveur. Au plus ${count} conversations et ${bytes(size)} : les plus anciennes sont effacées. Ne plus garder n'efface pas celles qui sont là.`,
    refused: "Ce navigateur refuse de garder des conversations (navigation privée, ou place pleine).",
    forget: (title: string) => `Effacer « ${title} »`,
    forgetAll: "Tout effacer",
    close: "Fermer",
  },
  noModel: "Ce serveur n'a pas de modèle de conversation.",
  ready: "Choisissez un exemple, ou écrivez.",
  readyEnglish: "Choisissez un exemple, ou écrivez en anglais.",
  notReady: "Le modèle n'est pas chargé : la première question le chargera.",
  absent:
    "Le modèle n'est pas téléchargé : la première question le fera venir si le serveur le permet ; sinon, téléchargez-le depuis la page Modèles.",
  question: "Votre question",
  questionEnglish: "Votre question, en anglais",
  keyboard: "Entrée envoie, Maj + Entrée va à la ligne, Échap arrête.",
  you: "Vous",
  waiting: "En attente du premier mot…",
  loading: "Le modèle se charge ; la réponse suivra.",
  answering: "Le modèle répond.",
  answered: (name: string, text: string) => `${name} : ${text}`,
  send: "Envoyer",
  stop: "Arrêter",
  copyAnswer: "Copier la réponse",
  copyCode: "Copier ce code",
  table: "Tableau",
  image: (name: string) => `Image : ${name}`,
  again: "Refaire",
  againHelp: "Refaire la dernière réponse",
  edit: "Modifier",
  editHelp: "Modifier la dernière question",
  editing: "Vous modifiez la dernière question : l'envoyer remplacera sa réponse.",
  cancel: "Annuler",
  request: "La requête",
  requestHelp: "La requête que la page a envoyée, dans d'autres langages",
  requestOf: "Exactement ce que la page a envoyé.",
  requestFiles: (names: string) => `Se lance là où est ${names}.`,
  reasoning: "Raisonnement",
  reasoningNow: "Raisonnement en cours…",
  stopped: "Réponse arrêtée.",
  truncated: "Réponse coupée : longueur maximale atteinte.",
  interrupted: "Réponse interrompue.",
  unloaded: "Le modèle a été déchargé : la réponse s'arrête là.",
  finish: (reason: string) => `fin : ${FINISHES[reason] ?? reason}`,
  firstToken: (seconds: number) => `premier mot en ${decimal.format(seconds)} s`,
  rate: (value: number) => `${one.format(value)} jetons/s`,
  usage: (read: number, written: number) =>
    `${whole.format(read)} lus, ${whole.format(written)} ${written > 1 ? "jetons écrits" : "jeton écrit"}`,
  total: (seconds: number) => `${decimal.format(seconds)} s en tout`,
  images: {
    add: "Joindre une image",
    remove: (name: string) => `Retirer ${name}`,
    unsupported: "Ce modèle ne lit pas d'images.",
    kind: (name: string, kind: string, allowed: string) =>
      `${name} : ce type n'est pas lu (reçu : ${kind || "inconnu"} ; lus : ${allowed}).`,
    count: (value: number, limit: number) => `Une requête porte au plus ${limit} images (ici : ${value}).`,
    size: (value: number, limit: number) =>
      `Une requête pèse au plus ${bytes(limit)} (ici, images comprises : ${bytes(value)}).`,
    unreadable: (name: string) => `${name} : ce fichier ne se lit pas.`,
  },
  settings: {
    title: "Réglages",
    reset: "Valeurs par défaut",
    model: "Modèle",
    versus: "Comparer à",
    none: "Aucun autre",
    system: "Consigne du système",
    temperature: "Température",
    topP: "top_p",
    maxTokens: "Jetons au plus",
    stop: "Suites d'arrêt, une par ligne",
    seed: "Graine",
    engine: "Vide : le moteur choisit.",
    fix: "Corrigez les réglages pour envoyer.",
    range: (low: number, high: number, value: string) =>
      `De ${decimal.format(low)} à ${whole.format(high)} (ici : ${value}).`,
    integer: (value: string) => `Un nombre entier est attendu (ici : ${value}).`,
    number: (value: string) => `Un nombre est attendu (ici : ${value}).`,
    count: (limit: number, value: number) => `Au plus ${limit} suites (ici : ${value}).`,
    most: (limit: number) => `Au plus ${limit}.`,
    bound: (high: number, context: number | undefined) =>
      [`Au plus ${whole.format(high)}.`, context ? `Contexte : ${whole.format(context)}.` : ""].join(" "),
    between: (low: number, high: number) => `De ${low} à ${high}. Vide : le moteur choisit.`,
  },
  promptsEnglish: [
    "What is the capital of France?",
    "Write a short poem about the sea.",
    "Explain in simple words what a gateway is.",
  ],
  promptsFrench: [
    "Quelle est la capitale de la France ?",
    "Écris un court poème sur la mer.",
    "Explique simplement ce qu'est une passerelle.",
  ],
} as const);
