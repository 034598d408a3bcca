// La typographie française, en un endroit : chaque texts.ts s'exporte par `typeset`, un message du serveur passe par `french`.

/** Espace fine insécable. */
const THIN = "\u202f";
const UNITS = "[kMGT]?o|[KMGT]io|ms|s|min|h|j|k?Hz|W|°C|px";
const RULES: [RegExp, string][] = [
  [/(?<=\p{L})'(?=[\p{L}«])/gu, "’"],
  [/[ \u00a0](?=[;!?:»](?:\s|[.,)»]|$))/g, THIN],
  [/(?<=«)[ \u00a0]/g, THIN],
  [/(?<=\d)[ \u00a0](?=\d{3}(?!\d))/g, THIN],
  [new RegExp(`(?<=\\d)[ \\u00a0](?=(?:%|(?:${UNITS})(?![\\p{L}'’])))`, "gu"), THIN],
];

/** Le texte avec l'apostrophe courbe, et des espaces fines insécables devant ; ! ? : », après «, dans les milliers et devant une unité. */
export function french(text: string): string {
  return RULES.reduce((before, [found, put]) => before.replace(found, put), text);
}

/** Des textes, et ceux que rendent leurs fonctions, composés. */
export function typeset<Texts>(texts: Texts): Texts {
  return compose(texts) as Texts;
}

function compose(value: unknown): unknown {
  if (typeof value === "string") return french(value);
  if (typeof value === "function") return (...given: unknown[]) => compose(value(...given));
  if (Array.isArray(value)) return value.map(compose);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, compose(one)]));
}
