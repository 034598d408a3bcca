import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useState } from "react";
import { usage } from "../api/client";
import { messageOf } from "../api/errors";
import { type GetUsageRequestSchema, type UsageRow, UsageStep } from "../gen/passerelle/v1/usage_pb";
import { pause, whileVisible } from "../status/follow";
import { useServer } from "../status/StatusProvider";
import { GROUPS, STEPS, sinceOf, type Wanted } from "./choices";

type Query = NonNullable<MessageInitShape<typeof GetUsageRequestSchema>["query"]>;

const PAGE = 5_000;
const AGAIN_MS = 60_000;

export interface Read {
  /** Ce dont c'est l'usage. */
  query: string;
  /** Période lue, en secondes depuis 1970. */
  span: [number, number];
  /** Une ligne par pas et par groupe. */
  rows: UsageRow[];
  /** Une ligne par groupe. */
  totals: UsageRow[];
  failure?: string | undefined;
  /** Vrai si le serveur n'a pas pu répondre. */
  away?: boolean;
}

/** L'usage demandé, relu chaque minute tant que la page se voit, et dès que le serveur revient ; rien ne l'est si `closed`. */
export function useUsage(wanted: Wanted, access: string, closed: boolean): Read | undefined {
  const [found, setFound] = useState<Read>();
  const query = JSON.stringify([access, wanted]);
  const connected = useServer().link === "connected";
  useEffect(() => {
    if (closed || !connected) return;
    const [, asked] = JSON.parse(query) as [string, Wanted];
    const take = async (signal: AbortSignal) => {
      while (!signal.aborted) {
        const read = await readBoth(query, asked, signal);
        if (signal.aborted) return;
        // Une relecture qui échoue ne retire pas ce qui était lu ; un refus, si.
        setFound((before) => (read.away && before?.query === query ? { ...before, failure: read.failure } : read));
        await pause(AGAIN_MS, signal);
      }
    };
    const { stop } = whileVisible({ run: (signal) => void take(signal), onHidden: () => undefined });
    return stop;
  }, [query, closed, connected]);
  // Ce que montrait une autre clé, ou un autre choix, n'est plus à montrer.
  return found?.query === query ? found : undefined;
}

async function readBoth(query: string, wanted: Wanted, signal: AbortSignal): Promise<Read> {
  const now = Date.now() / 1_000;
  const since = sinceOf(wanted, now);
  const span: [number, number] = [since, now];
  try {
    const [rows, totals] = await Promise.all([
      readAll(queryOf(wanted, since), signal),
      readAll({ ...queryOf(wanted, since), step: UsageStep.ALL }, signal),
    ]);
    return { query, span, rows, totals };
  } catch (error) {
    const away = ![Code.Unauthenticated, Code.PermissionDenied].includes(ConnectError.from(error).code);
    return { query, span, rows: [], totals: [], failure: messageOf(error), away };
  }
}

async function readAll(query: Query, signal: AbortSignal): Promise<UsageRow[]> {
  const rows: UsageRow[] = [];
  let pageToken = "";
  do {
    const page = await usage.getUsage({ query, pageSize: PAGE, pageToken }, { signal });
    rows.push(...page.rows);
    pageToken = page.nextPageToken;
  } while (pageToken);
  return rows;
}

/** L'usage demandé, en CSV. */
export async function readCsv(wanted: Wanted): Promise<string> {
  const query = queryOf(wanted, sinceOf(wanted, Date.now() / 1_000));
  const reader = new TextDecoder();
  let text = "";
  for await (const { data } of usage.exportUsage({ query })) text += reader.decode(data, { stream: true });
  return text + reader.decode();
}

function queryOf({ step, group, key, model }: Wanted, since: number): Query {
  return { since: { seconds: BigInt(since) }, step: STEPS[step].step, groupBy: GROUPS[group], key, model };
}
