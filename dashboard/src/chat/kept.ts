// Les conversations que ce navigateur garde, si la personne le veut : rien n'en va au serveur.
import { clear, createStore, delMany, get, getMany, keys, setMany, type UseStore } from "idb-keyval";
import { recall, retain } from "../api/storage";
import type { Row } from "./turns";

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
