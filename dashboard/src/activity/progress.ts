import { type Timestamp, timestampDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { seconds } from "../format";
import type { Operation } from "../gen/passerelle/v1/operation_pb";
import { french } from "../typography";

/** Secondes d'une opération finie ; `undefined` tant qu'elle dure. */
export function lastedSeconds({ startedAt, finishedAt }: Operation): number | undefined {
  if (!startedAt || !finishedAt) return undefined;
  return Math.max(0, (timestampMs(finishedAt) - timestampMs(startedAt)) / 1000);
}

/** Durée courte, au dixième sous dix secondes. */
export function lasting(value: number): string {
  return value < 9.95 ? french(`${value.toFixed(1).replace(".", ",")} s`) : seconds(value);
}

const DAY = new Intl.DateTimeFormat("fr-FR", { day: "numeric", month: "short", year: "numeric" });
const TIME = new Intl.DateTimeFormat("fr-FR", { timeStyle: "medium" });

/** Instant à l'heure de ce poste ; le jour n'est dit que si ce n'est pas `today`. */
export function instant(at: Timestamp, today = new Date()): string {
  const date = timestampDate(at);
  const time = TIME.format(date);
  return date.toDateString() === today.toDateString() ? time : `${DAY.format(date)}, ${time}`;
}
