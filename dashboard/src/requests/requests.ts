// Ce que la page tire d'une requête : ses étapes, et la liste tenue à jour.
import type { Request } from "../gen/passerelle/v1/requests_pb";
import { STAGES } from "./texts";

/** Requêtes montrées au plus ; le serveur en garde davantage. */
export const SHOWN = 200;

/** La liste, de la plus récente à la plus ancienne, une fois reçu l'état nouveau de quelques requêtes. */
export function merged(before: Request[], news: Request[], wanted: (one: Request) => boolean): Request[] {
  const latest = new Map(news.map((one) => [one.call, one]));
  const kept = before.map((one) => {
    const found = latest.get(one.call);
    latest.delete(one.call);
    return found ?? one;
  });
  return [...latest.values(), ...kept]
    .filter(wanted)
    .sort((one, other) => arrival(other) - arrival(one))
    .slice(0, SHOWN);
}

/** Arrivée, en millisecondes depuis 1970. */
export function arrival({ receivedAt }: Request): number {
  return receivedAt ? Number(receivedAt.seconds) * 1000 + receivedAt.nanos / 1e6 : 0;
}

export interface Stage {
  name: string;
  begin: number;
  seconds: number;
}

/** Étapes atteintes, en secondes depuis l'arrivée ; leur somme est la durée. */
export function stagesOf({ asked, sent, queued, first, last, ended }: Request): Stage[] {
  const start = sent === undefined ? undefined : Math.min(ended, sent + queued);
  const marks: [string, number | undefined][] = [
    [STAGES.received, asked],
    [STAGES.loaded, sent],
    [STAGES.queued, start],
    [STAGES.first, first],
    [STAGES.rest, last],
    // Refusée avant d'être menée à un modèle, elle n'a que sa lecture.
    [asked === undefined ? STAGES.received : STAGES.closed, ended],
  ];
  const stages: Stage[] = [];
  let begin = 0;
  for (const [name, mark] of marks) {
    if (mark === undefined) continue;
    const seconds = Math.max(0, mark - begin);
    if (seconds > 0) stages.push({ name, begin, seconds });
    begin = Math.max(begin, mark);
  }
  return stages;
}

/** Durée courte, au millième sous dix secondes. */
export function short(value: number): string {
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  return `${value.toFixed(value < 10 ? 2 : 1).replace(".", ",")} s`;
}
