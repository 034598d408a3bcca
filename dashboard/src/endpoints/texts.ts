// Les textes de « Points d'accès ».
import { EndpointGroup, KeyScope } from "../gen/passerelle/v1/route_pb";
import { typeset } from "../typography";

export const GROUPS: Record<EndpointGroup, { title: string; help: string }> = typeset({
  [EndpointGroup.UNSPECIFIED]: { title: "Autres", help: "" },
  [EndpointGroup.DASHBOARD]: { title: "Tableau de bord", help: "Cette page." },
  [EndpointGroup.OPENAI]: {
    title: "REST, aux formats d'OpenAI",
    help: "Pour les SDK d'OpenAI : leur « base URL » est l'adresse jusqu'à /v1 compris.",
  },
  [EndpointGroup.AUDIO]: {
    title: "REST, pour l'audio",
    help: "Un fichier en multipart, ou en corps brut ; locuteurs, formats de sous-titres et progression en plus.",
  },
  [EndpointGroup.GRPC]: {
    title: "gRPC",
    help: "Contrats typés et flux dans les deux sens ; la réflexion donne la liste des méthodes.",
  },
  [EndpointGroup.GRPC_WEB]: {
    title: "gRPC-Web",
    help: "Les mêmes services, depuis un navigateur : appels simples et flux du serveur.",
  },
  [EndpointGroup.WEB_SOCKET]: {
    title: "WebSocket",
    help: "Le microphone d'un navigateur, qui ne sait pas envoyer un flux en gRPC-Web ; la clé va dans le premier message.",
  },
  [EndpointGroup.PROBES]: { title: "Sondes et mesures", help: "Pour un orchestrateur et pour Prometheus." },
  [EndpointGroup.ADMIN]: {
    title: "Administration",
    help: "Lire l'état est libre ; agir sur les modèles demande la clé d'administration, si le serveur en a une.",
  },
});

export const KEYS: Record<KeyScope, string> = typeset({
  [KeyScope.UNSPECIFIED]: "clé inconnue",
  [KeyScope.NONE]: "sans clé",
  [KeyScope.INFERENCE]: "clé d'inférence",
  [KeyScope.ADMIN]: "clé d'administration",
  [KeyScope.LOCAL_OR_ADMIN]: "locale, ou clé d'administration",
  [KeyScope.ADMIN_TO_CHANGE]: "clé d'administration pour agir",
});

/** Ce qu'un modèle sait faire, en clair ; une capacité inconnue se montre telle quelle. */
export const FEATURES: Record<string, string> = typeset({
  echo: "répète l'invite",
  embeddings: "empreintes des voix",
  exclusive_turns: "tours sans recouvrement",
  images: "images",
  json_schema: "réponse au schéma JSON",
  language_detection: "devine la langue",
  logit_bias: "biais de jetons",
  logprobs: "log-probabilités",
  lora: "adaptateurs LoRA",
  max_speakers: "locuteurs au plus",
  min_speakers: "locuteurs au moins",
  n: "plusieurs réponses",
  num_speakers: "nombre de locuteurs",
  prompt: "texte qui oriente",
  phrases: "phrases à préférer",
  phrase_boost: "poids de ces phrases",
  punctuation: "ponctuation",
  reasoning: "raisonnement",
  seed: "graine",
  sleep: "sommeil",
  stop: "suites d'arrêt",
  stream: "au fil de l'eau",
  structured_outputs: "sortie contrainte",
  temperature: "température",
  tools: "outils",
  translate: "traduction",
  word_timestamps: "instants des mots",
});

export const T = typeset({
  title: "Points d'accès",
  host: "Hôte",
  allHosts: "Tous les hôtes",
  elsewhere: (here: string) =>
    `Vous êtes sur ${here}, que le serveur n'annonce pas. Ajoutez cet hôte à ADVERTISED_HOSTS pour le voir ici.`,
  search: "Chercher une route, une limite",
  noMatch: (query: string) => `Rien ne porte « ${query} ».`,
  routes: (count: number) => (count > 1 ? `${count} routes` : "1 route"),
  loading: "Lecture des points d'accès…",
  copyUrl: (name: string) => `Copier l'adresse : ${name}`,
  localOnly: "depuis le serveur seulement",
  copyName: (key: string) => `Copier le nom : ${key}`,
  sample: "Exemple",
  sampleOf: (name: string) => `Exemple : ${name}`,
  models: "Modèles",
  aliases: "Autres noms",
  languages: "Langues",
  unknownLanguages: "non précisées",
  context: "Contexte",
  tokens: (count: string) => `${count} jetons`,
  limits: "Limites en vigueur",
  limitsHelp:
    "Chacune se règle par une variable d'environnement du serveur ; au-delà, l'erreur nomme la limite et la valeur.",
  keyHelp: {
    none: "Ce serveur n'exige aucune clé.",
    some: "Une clé se présente dans « Authorization: Bearer <clé> », « x-api-key » ou « api-key » ; celle d'administration ouvre tout. Les exemples la lisent dans PASSERELLE_KEY.",
  },
} as const);
