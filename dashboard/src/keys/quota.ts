import type { Quota } from "../gen/passerelle/v1/quotas_pb";

/** Limites, sous le nom de leur champ. */
export const LIMITS = [
  "requestsPerMinute",
  "tokensPerMinute",
  "audioMinutesPerHour",
  "audioMinutesPerDay",
  "parallelRequests",
  "tokensPerDay",
  "tokensPerMonth",
] as const;

export type Limit = (typeof LIMITS)[number];

/** Quota en cours d'écriture : un texte par limite, vide sans elle. */
export type Draft = Record<Limit, string>;

export const BLANK = Object.fromEntries(LIMITS.map((limit) => [limit, ""])) as Draft;

export function draftOf(quota: Quota | undefined): Draft {
  return Object.fromEntries(LIMITS.map((limit) => [limit, quota?.[limit] ? String(quota[limit]) : ""])) as Draft;
}

/** Ce que porte le message : 32 bits, sauf les budgets du jour et du mois, que JSON écrit encore exactement. */
const most = (limit: Limit) => (limit === "tokensPerDay" || limit === "tokensPerMonth" ? 2n ** 53n : 2n ** 32n - 1n);

/** Ce qu'une case garde de ce qu'on y écrit : un nombre que le message porte ; 0 n'est pas une limite. */
export function typed(limit: Limit, text: string): string {
  const value = BigInt(text.replace(/\D/g, ""));
  if (value === 0n) return "";
  return String(value < most(limit) ? value : most(limit));
}

/** Quota du message ; une limite vide vaut « pas de limite ». */
export function quotaOf(draft: Draft) {
  const number = (limit: Limit) => Number(draft[limit] || 0);
  return {
    requestsPerMinute: number("requestsPerMinute"),
    tokensPerMinute: number("tokensPerMinute"),
    audioMinutesPerHour: number("audioMinutesPerHour"),
    audioMinutesPerDay: number("audioMinutesPerDay"),
    parallelRequests: number("parallelRequests"),
    tokensPerDay: BigInt(draft.tokensPerDay || 0),
    tokensPerMonth: BigInt(draft.tokensPerMonth || 0),
  };
}

/** Nom d'une limite tel que le contrat l'écrit (`tokens_per_day`), ramené à celui de son champ. */
export function limitOf(name: string): Limit | undefined {
  return LIMITS.find((limit) => limit.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) === name);
}
