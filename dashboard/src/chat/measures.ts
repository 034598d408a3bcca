import { T } from "./texts";
import type { Turn } from "./turns";

export interface Measures {
  /** Secondes avant le premier mot. */
  firstToken?: number;
  /** Jetons par seconde, une fois le premier venu. */
  rate?: number;
  /** Secondes en tout. */
  total?: number;
}

/** Ce que la page a mesuré d'une réponse ; ce qu'elle ne sait pas manque. */
export function measuresOf({ times, usage }: Turn): Measures {
  const { first, last, end } = times;
  const after = first !== undefined && last !== undefined ? (last - first) / 1000 : 0;
  const written = usage?.completionTokens ?? 0;
  return {
    ...(first !== undefined ? { firstToken: first / 1000 } : {}),
    // Une réponse venue d'un seul tenant n'a pas de débit mesurable.
    ...(after > 0 && written > 1 ? { rate: (written - 1) / after } : {}),
    ...(end !== undefined ? { total: end / 1000 } : {}),
  };
}

/** La ligne qui suit une réponse : comment elle a fini, puis ce qu'elle a coûté. */
export function summary(turn: Turn): string[] {
  const { firstToken, rate, total } = measuresOf(turn);
  const { usage, finishReason } = turn;
  const fate = { stopped: T.stopped, failed: T.interrupted, complete: finishReason === "length" ? T.truncated : "" };
  return [
    turn.end ? fate[turn.end] : "",
    firstToken === undefined ? "" : T.firstToken(firstToken),
    rate === undefined ? "" : T.rate(rate),
    usage ? T.usage(usage.promptTokens, usage.completionTokens) : "",
    total === undefined ? "" : T.total(total),
    finishReason ? T.finish(finishReason) : "",
  ].filter(Boolean);
}
