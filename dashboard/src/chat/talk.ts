import { clear, createStore, delMany, get, getMany, keys, setMany, type UseStore } from "idb-keyval";
import { chat } from "../api/client";
import { refusalOf } from "../api/errors";
import { recall, retain } from "../api/storage";
import type { StreamChatResponse } from "../gen/passerelle/v1/chat_pb";
import { Store } from "../shell/kept";
import { underway } from "../shell/underway";
import { type Ask, type Image, type Options, typedRequest } from "./ask";
import type { Settings } from "./question";
import { T } from "./texts";
import { type Added, changeLast, columnOf, extend, messagesFor, type Row, type Turn } from "./turns";

// La conversation de cette page. Elle vit hors des composants : changer de page n'arrête rien et ne perd rien.

/** Une réponse se redessine à ce rythme, non à celui des jetons. */
const SHOWN_EVERY_MS = 33;

/** Question en cours d'écriture. */
export interface Draft {
  text: string;
  images: Image[];
  /** Vrai si elle remplacera la dernière, et sa réponse. */
  editing: boolean;
}

export interface Talk {
  /** Propre à cette conversation, dans ce navigateur. */
  id: string;
  rows: Row[];
  streaming: boolean;
  /** Absents tant que personne n'y a touché : ceux de départ dépendent des limites du serveur. */
  settings?: Settings | undefined;
  draft: Draft;
  /** Vrai si le navigateur n'a pas pu garder la conversation, qui devait l'être. */
  unkept?: boolean;
}

/** Ce qui accompagne une question. */
export interface Setup {
  /** Deux au plus : leurs réponses viennent côte à côte. */
  models: string[];
  system: string;
  options: Options;
}

const EMPTY: Draft = { text: "", images: [], editing: false };
const talk = new Store<Talk>({ id: newId(), rows: [], streaming: false, draft: EMPTY });
const change = talk.update;
let call = new AbortController();
let next = 0;

/** La conversation, son brouillon et ses réglages. */
export const useTalk = talk.useState;

export const setSettings = (settings: Settings | undefined) => change({ settings });
/** Prend ce modèle, quels que soient les réglages déjà faits. */
export const choose = (model: string) => talk.state.settings && setSettings({ ...talk.state.settings, model });
export const changeDraft = (part: Partial<Draft>) => change({ draft: { ...talk.state.draft, ...part } });
export const addImages = (images: Image[]) => changeDraft({ images: [...talk.state.draft.images, ...images] });
export const clearDraft = () => change({ draft: EMPTY });

/** Oublie les échanges et la question commencée ; les réglages restent, et ce que le navigateur garde aussi. */
export const restart = () => change({ id: newId(), rows: [], draft: EMPTY, unkept: false });

/** Reprend une conversation gardée. */
export function open(id: string, rows: Row[]): void {
  if (rows.length === 0) return;
  next = 1 + Math.max(...rows.flat().map((turn) => turn.id));
  change({ id, rows, draft: EMPTY });
}

/** Garde la conversation dans ce navigateur, si elle a commencé. */
export async function keepNow(): Promise<void> {
  if (talk.state.rows.length > 0 && !talk.state.streaming) await write(talk.state.id, talk.state.rows);
}

/** Un contexte qui n'est pas sûr n'a pas `crypto.randomUUID`. */
function newId(): string {
  return `${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

/** Arrête la réponse en cours : l'appel lui-même est abandonné. */
export const stop = () => call.abort();

/** Envoie une question à chaque modèle ; `past` est ce qui la précède. */
export async function send(past: Row[], question: string, images: Image[], { models, system, options }: Setup) {
  call = new AbortController();
  const { signal } = call;
  const empty = { id: next++, question, images, answer: "", reasoning: "", finishReason: "", times: {} };
  const row = models.map((model, column): Turn => {
    const messages = messagesFor(columnOf(past, column), question, images, system);
    return { ...empty, ask: { model, messages, options } };
  });
  change({ rows: [...past, row], streaming: true });
  const follows = row.map(async ({ ask }, column) => {
    const show = (step: (turn: Turn) => Turn) => change({ rows: changeLast(talk.state.rows, column, step) });
    show(await follow(ask, signal, show));
  });
  await Promise.all(follows).finally(underway());
  change({ streaming: false });
  if (!keeping()) return;
  // Navigateur plein, ou qui refuse : la conversation reste à l'écran, et la page le dit.
  change({
    unkept: await keepNow().then(
      () => false,
      () => true,
    ),
  });
}

/** Suit une réponse jusqu'à sa fin, montrée pas à pas ; rend ce que sa fin y change. */
async function follow(ask: Ask, signal: AbortSignal, show: (step: (turn: Turn) => Turn) => void) {
  const started = performance.now();
  const waiting: Added[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const arrived = waiting.splice(0);
    if (arrived.length > 0) show((turn) => arrived.reduce(extend, turn));
  };
  let outcome: Pick<Turn, "end" | "failure" | "unloaded"> = { end: "complete" };
  try {
    for await (const message of chat.streamChat(typedRequest(ask), { signal })) {
      waiting.push(addedBy(message, performance.now() - started));
      timer ??= setTimeout(flush, SHOWN_EVERY_MS);
    }
  } catch (error) {
    const { message, reason } = refusalOf(error);
    if (signal.aborted) outcome = { end: "stopped" };
    else if (reason === "MODEL_UNLOADED") outcome = { end: "failed", failure: T.unloaded, unloaded: true };
    else outcome = { end: "failed", failure: message };
  }
  flush();
  const end = performance.now() - started;
  return (turn: Turn): Turn => ({ ...turn, ...outcome, times: { ...turn.times, end } });
}

function addedBy({ deltas, usage }: StreamChatResponse, at: number): Added {
  return {
    text: deltas.map((delta) => delta.content).join(""),
    reasoning: deltas.map((delta) => delta.reasoningContent).join(""),
    finishReason: deltas.map((delta) => delta.finishReason).join(""),
    usage,
    at,
  };
}

// Les conversations que ce navigateur garde, si la personne le veut : rien n'en va au serveur.

export interface Kept {
  id: string;
  title: string;
  /** Dernier changement, en millisecondes depuis 1970. */
  at: number;
  bytes: number;
}

/** Au-delà, les plus anciennes sont effacées. */
export const MOST = { conversations: 50, bytes: 50_000_000 };

const WANTED = "passerelle.conversations";
const TITLE_CHARS = 80;
// La liste se lit sans les échanges.
const HEAD = "tête ";
const BODY = "corps ";

let opened: UseStore | undefined;

/** La base n'est créée que si l'on s'en sert. */
function store(): UseStore {
  opened ??= createStore("passerelle", "conversations");
  return opened;
}

/** Vrai si la personne veut que ses conversations soient gardées ici ; non, tant qu'elle ne l'a pas dit. */
export const keeping = () => recall("localStorage", WANTED) === "1";

/** Garde les conversations désormais, ou plus ; faux si le navigateur le refuse. */
export const keep = (wanted: boolean) => retain("localStorage", WANTED, wanted ? "1" : "");

/** Les conversations gardées, la dernière d'abord. */
export async function keptOnes(): Promise<Kept[]> {
  const heads = (await keys<string>(store())).filter((key) => key.startsWith(HEAD));
  // Un autre onglet a pu en effacer une entre les deux lectures.
  const found = (await getMany<Kept>(heads, store())).flatMap((kept) => kept ?? []);
  return found.sort((one, other) => other.at - one.at);
}

/** Garde une conversation à la place de ce qu'elle était, et efface ce qui dépasse. */
export async function write(id: string, rows: Row[]): Promise<void> {
  const first = rows[0]?.[0];
  const title = (first?.question || first?.images[0]?.name || "").replace(/\s+/g, " ").slice(0, TITLE_CHARS);
  const head: Kept = { id, title, at: Date.now(), bytes: sizeOf(rows) };
  await setMany(
    [
      [HEAD + id, head],
      [BODY + id, rows],
    ],
    store(),
  );
  let bytes = 0;
  const over = (await keptOnes()).filter((kept, rank) => {
    bytes += kept.bytes;
    return rank >= MOST.conversations || bytes > MOST.bytes;
  });
  await forget(over.map((kept) => kept.id));
}

/** Les échanges d'une conversation ; aucun si elle n'est plus là. */
export async function read(id: string): Promise<Row[]> {
  return (await get<Row[]>(BODY + id, store())) ?? [];
}

export const forget = (ids: string[]) =>
  delMany(
    ids.flatMap((id) => [HEAD + id, BODY + id]),
    store(),
  );
export const forgetAll = () => clear(store());

/** Ce que pèse une conversation, à peu près : une image n'y est écrite qu'une fois. */
function sizeOf(rows: Row[]): number {
  const texts = JSON.stringify(rows, (_key, value) => (value instanceof Uint8Array ? "" : value));
  const images = rows.flatMap((row) => row[0]?.images ?? []);
  return 2 * texts.length + images.reduce((sum, { data }) => sum + data.length, 0);
}
