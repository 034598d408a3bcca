// Une requête avant qu'un langage ne l'écrive : curl.ts, python.ts, node.ts et grpc.ts n'en lisent pas d'autre forme.
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type Fields } from "./literals";

/** La même requête, par chacun des chemins qu'elle sait prendre. */
export interface Sketch {
  http?: Http;
  socket?: Socket;
  rpc?: Rpc;
}

/** Ce qu'un extrait affiche d'une réponse. Un chemin qui finit par « ? » peut manquer. */
export interface Shown {
  /** Suite à parcourir, vide si c'est la réponse elle-même, et le nom d'un de ses éléments ; absente : rien à parcourir. */
  each?: [path: string, name: string];
  /** Ce qui s'affiche, sur une ligne. */
  values: string[];
  /** Les valeurs sont les morceaux d'un texte, à la suite. */
  pieces?: boolean;
}

export interface Http {
  method: string;
  path: string;
  /** Corps JSON. */
  json?: Fields;
  /** Formulaire, et le fichier qu'il porte. */
  form?: Record<string, string>;
  file?: string;
  /** Méthode du SDK d'OpenAI qui fait cet appel, ses arguments s'ils ne sont pas le corps JSON. */
  sdk?: string;
  args?: Fields | string[];
  /** Sans lui, seul curl sait écrire la requête. D'un formulaire, c'est ce que porte l'événement `result`. */
  shown?: Shown;
  /** Ce qu'il faut savoir de l'extrait curl, une ligne par élément. */
  note?: string[];
}

/** Un fichier WAV de 16 bits, envoyé en direct par un WebSocket. */
export interface Socket {
  path: string;
  config: Fields;
  file: string;
}

export interface Rpc {
  method: DescMethod;
  /** Le premier message, champs sous leur nom du contrat. */
  request: Fields;
  /** Fichier qui suit, par morceaux dans ce champ ; `wave`, ce sont ses échantillons. */
  upload?: { file: string; field: string; wave?: boolean };
  /** Événement attendu, quand il y en a de plusieurs sortes. */
  when?: string;
  shown: Shown;
}

/** Le serveur que visent les extraits. */
export interface ServerAccess {
  /** Adresse HTTP, sans barre finale. */
  base: string;
  /** Vrai si le serveur exige une clé. */
  keyed: boolean;
}

/** Le serveur qui sert cette page. */
export function thisServer(keyed: boolean): ServerAccess {
  return { base: location.origin, keyed };
}

/** Premier message d'un WebSocket de direct ; `rate`, `channels` et `key` sont le code qui les lit. */
export function opening({ config }: Socket, rate: string, channels: string, key: string | false): Fields {
  const audio_format = {
    encoding: "AUDIO_ENCODING_PCM_S16LE",
    sample_rate_hertz: new Code(rate),
    channel_count: new Code(channels),
  };
  return { type: "config", api_key: key ? new Code(key) : undefined, config: { config: { ...config, audio_format } } };
}

/** Champ d'un objet, ou l'objet même si le chemin est vide ; `missing` écrit ce que vaut celui qui peut manquer. */
export function attribute(root: string, path: string, missing: string): string {
  if (!path) return root;
  const text = `${root}.${path.replace("?", "").replaceAll(/\.(\d+)/g, "[$1]")}`;
  return path.endsWith("?") ? `${text} ${missing} ""` : text;
}

/** Adresse d'un WebSocket de ce serveur. */
export function socketUrl({ base }: ServerAccess, path: string): string {
  return base.replace(/^http/, "ws") + path;
}

/** Vrai si la réponse vient au fil de l'eau. */
export function isStream({ json, form }: Http): boolean {
  return json?.stream === true || form?.stream === "true";
}

/** Retrait de chaque ligne, en espaces. */
export function indented(text: string, width: number): string {
  return text.replaceAll(/^(?=.)/gm, " ".repeat(width));
}
