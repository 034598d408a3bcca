import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";
import { bytes, seconds } from "../format";
import type { Limits } from "../gen/passerelle/v1/limits_pb";
import { typeset } from "../typography";

type Value = string | undefined;
type Row = [string, (limits: Limits) => Value];

const NUMBER = new Intl.NumberFormat("fr-FR");
const count = (value: number | undefined): Value => (value === undefined ? undefined : NUMBER.format(value));
const size = (value: number | undefined): Value =>
  value === undefined ? undefined : `${bytes(value)} (${NUMBER.format(value)} octets)`;
const hertz = (value: number | undefined): Value => (value === undefined ? undefined : `${NUMBER.format(value)} Hz`);

function time(value: Duration | undefined): Value {
  if (!value) return undefined;
  const length = durationMs(value) / 1000;
  if (length >= 86_400) return `${NUMBER.format(length / 86_400)} j`;
  return Number.isInteger(length) ? seconds(length) : `${NUMBER.format(length)} s`;
}

/** Limites que rencontre un client, famille par famille : ce qu'elles bornent, et leur valeur. */
export const LIMITS: [string, Row[]][] = typeset([
  [
    "Partout",
    [
      ["Corps d'une requête JSON, au plus", (limits) => size(limits.maxJsonBodyBytes)],
      ["Niveaux imbriqués d'un JSON, au plus", ({ maxJsonDepth }) => count(maxJsonDepth)],
      ["Corps d'une requête d'administration, au plus", (limits) => size(limits.maxAdminBodyBytes)],
      ["Silence pendant l'envoi d'un corps, au plus", ({ maxBodySilence }) => time(maxBodySilence)],
      ["Attente d'un chargement, au moins", ({ loadWait }) => time(loadWait)],
      ["Attente d'un chargement long, au plus", ({ maxLoadWait }) => time(maxLoadWait)],
      [
        "Durée d'un flux, au plus, hors suivi de l'état et des journaux",
        ({ maxStreamDuration }) => time(maxStreamDuration),
      ],
      ["Exemplaires d'un modèle, au plus", ({ maxReplicas }) => count(maxReplicas)],
      ["Temps sans requête avant déchargement, au plus", ({ maxIdleUnload }) => time(maxIdleUnload)],
      ["Requêtes en cours d'un modèle qui s'arrête, au plus", ({ stopGrace }) => time(stopGrace)],
      ["Appels sur une connexion HTTP/2, au plus", ({ maxConcurrentStreams }) => count(maxConcurrentStreams)],
      [
        "Appels ouverts à tous (suivi, santé, réflexion) par adresse, au plus",
        ({ maxOpenCallsPerAddress }) => count(maxOpenCallsPerAddress),
      ],
      ["Autres appels sans clé par adresse, au plus", ({ maxCallsPerAddress }) => count(maxCallsPerAddress)],
      ["Clés nommées admises, au plus", ({ maxNamedKeys }) => count(maxNamedKeys)],
      [
        "Caractères du propriétaire ou de la note d'une clé, au plus",
        ({ maxKeyCharacters }) => count(maxKeyCharacters),
      ],
      ["Durée de vie demandée pour une clé, au plus", ({ maxKeyLifetime }) => time(maxKeyLifetime)],
      ["Requêtes finies montrées, au plus", ({ requestsKept }) => count(requestsKept)],
      ["Usage gardé", ({ usageKept }) => time(usageKept)],
      ["Quotas : jetons réservés à une réponse de longueur non dite", (all) => count(all.quotaUnstatedTokens)],
      ["Quotas : part d'une limite prise d'avance, en centièmes", (all) => count(all.quotaLeasePercent)],
      ["Quotas : garde de ce qui ne sert pas", ({ quotaLease }) => time(quotaLease)],
    ],
  ],
  [
    "Conversation",
    [
      ["Messages par requête, au plus", ({ chat }) => count(chat?.maxMessages)],
      ["Jetons produits par réponse, au plus", ({ chat }) => count(chat?.maxTokens)],
      ["Réponses par requête, au plus", ({ chat }) => count(chat?.maxN)],
      ["Suites d'arrêt, au plus", ({ chat }) => count(chat?.maxStop)],
      ["Log-probabilités concurrentes, au plus", ({ chat }) => count(chat?.maxTopLogprobs)],
      ["Celles d'une complétion, au plus", ({ chat }) => count(chat?.maxCompletionLogprobs)],
      ["Images par requête, au plus", ({ chat }) => count(chat?.maxImages)],
      ["Taille d'une image, au plus", ({ chat }) => size(chat?.maxImageBytes)],
      ["Points d'une image, au plus", ({ chat }) => count(chat?.maxImagePixels)],
      ["Images d'un fichier animé, au plus", ({ chat }) => count(chat?.maxImageFrames)],
      ["Jetons de logit_bias, au plus", ({ chat }) => count(chat?.maxLogitBias)],
      ["Jetons rendus ou reçus un à un par un décompte, au plus", ({ chat }) => count(chat?.maxListedTokens)],
      ["Schéma ou grammaire, au plus", ({ chat }) => size(chat?.maxGrammarBytes)],
      ["Schémas de tous les outils, au plus", ({ chat }) => size(chat?.maxToolsBytes)],
      ["Niveaux d'une grammaire, au plus", ({ chat }) => count(chat?.maxGrammarDepth)],
      ["Répétitions d'une grammaire, au plus", ({ chat }) => count(chat?.maxGrammarRepetitions)],
      ["Éléments d'une énumération, au plus", ({ chat }) => count(chat?.maxGrammarChoices)],
      ["Éléments d'une grammaire déroulée, au plus", ({ chat }) => count(chat?.maxGrammarNodes)],
      ["Compilation d'une grammaire, au plus", ({ chat }) => time(chat?.maxGrammarCompilation)],
      ["Mémoire de cette compilation, au plus", ({ chat }) => size(chat?.maxGrammarMemoryBytes)],
    ],
  ],
  [
    "Fichier audio",
    [
      ["Taille d'un fichier, au plus", ({ audio }) => size(audio?.maxUploadBytes)],
      ["Taille en un seul message gRPC, au plus", ({ audio }) => size(audio?.maxMessageBytes)],
      ["Durée, au plus", ({ audio }) => time(audio?.maxDuration)],
      ["Audio décodé, au plus", ({ audio }) => size(audio?.maxDecodedBytes)],
      ["Fréquence d'échantillonnage, au moins", ({ audio }) => hertz(audio?.minSampleRateHertz)],
      ["Fréquence d'échantillonnage, au plus", ({ audio }) => hertz(audio?.maxSampleRateHertz)],
      ["Canaux, au plus", ({ audio }) => count(audio?.maxChannels)],
      ["Canaux transcrits à part, au plus", ({ audio }) => count(audio?.maxSeparateChannels)],
      ["Phrases à reconnaître de préférence, au plus", ({ audio }) => count(audio?.maxPhrases)],
      [
        "Confiance sous laquelle un mot est à vérifier",
        ({ audio }) => (audio?.lowConfidence ?? 0).toLocaleString("fr"),
      ],
      ["Locuteurs demandés, au plus", ({ audio }) => count(audio?.maxSpeakers)],
      ["Locuteurs connus, au plus", ({ audio }) => count(audio?.maxKnownSpeakers)],
      ["Extrait d'une voix, au moins", ({ audio }) => time(audio?.minKnownSpeakerClip)],
      ["Extrait d'une voix, au plus", ({ audio }) => time(audio?.maxKnownSpeakerClip)],
      ["Taille d'un extrait, au plus", ({ audio }) => size(audio?.maxKnownSpeakerClipBytes)],
      ["Caractères d'un nom, au plus", ({ audio }) => count(audio?.maxKnownSpeakerNameCharacters)],
      ["Caractères du texte qui oriente, au plus", ({ audio }) => count(audio?.maxPromptCharacters)],
    ],
  ],
  [
    "Audio en direct",
    [
      ["Flux de front par exemplaire, au plus", ({ audio }) => count(audio?.maxLiveStreams)],
      ["Flux de plus, pour qui n'en a aucun", ({ audio }) => count(audio?.spareLiveStreams)],
      ["WebSockets ouverts à la fois, au plus", ({ audio }) => count(audio?.maxWebSockets)],
      ["WebSockets d'une adresse, sans clé, au plus", ({ audio }) => count(audio?.maxWebSocketsPerAddress)],
      ["Message d'un WebSocket, au plus", ({ audio }) => size(audio?.maxWebSocketMessageBytes)],
      ["Silence d'un client, au plus", ({ audio }) => time(audio?.maxStreamSilence)],
      ["Fenêtres de parole sans locuteur, au plus", ({ audio }) => count(audio?.maxVoiceBacklog)],
      ["Silence qui clôt une phrase, par défaut", ({ audio }) => time(audio?.endpointSilence)],
      ["Silence qui clôt une phrase, au moins", ({ audio }) => time(audio?.minEndpointSilence)],
      ["Silence qui clôt une phrase, au plus", ({ audio }) => time(audio?.maxEndpointSilence)],
      ["Phrase avant sa coupe, par défaut", ({ audio }) => time(audio?.utterance)],
      ["Phrase avant sa coupe, au moins", ({ audio }) => time(audio?.minUtterance)],
      ["Phrase avant sa coupe, au plus", ({ audio }) => time(audio?.maxUtterance)],
    ],
  ],
]);
