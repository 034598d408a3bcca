// Un texte et ses tranches, aux règles du serveur (server/slices.py) : rien ne s'en recolle.

/** Les espaces où un texte se coupe ; une espace insécable est un caractère comme un autre. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python compte les séparateurs \x1c à \x1f parmi les espaces.
export const SPACES = /[\t-\r\x1c-\x20\x85\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000]+/gu;

const UNSPACED =
  "[\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u2e80-\\u2fdf\\u3000-\\u312f\\u31a0-\\u31bf\\u31f0-\\u31ff" +
  "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\ufe30-\\ufe4f\\uff01-\\uff9f\\u{20000}-\\u{3ffff}]";
const FIRST = new RegExp(`^${UNSPACED}`, "u");
const LAST = new RegExp(`${UNSPACED}$`, "u");

/** Vrai si le texte commence par un caractère d'une écriture sans espaces. */
export const startsUnspaced = (text: string) => FIRST.test(text);

/** Vrai si le texte finit par un caractère d'une écriture sans espaces. */
export const endsUnspaced = (text: string) => LAST.test(text);

/** Texte entier de textes consécutifs : une espace les sépare, sauf dans une écriture qui n'en a pas. */
export function joined(texts: readonly string[]): string {
  return texts
    .filter(Boolean)
    .reduce((whole, text) => whole + (!whole || (endsUnspaced(whole) && startsUnspaced(text)) ? "" : " ") + text, "");
}

/** Le texte, coupé au début de chaque mot sauf le premier : la suite des tranches est le texte. */
export function slices(text: string, words: readonly { text: string }[]): string[] {
  const starts = [0];
  let position = 0;
  words.forEach((word, index) => {
    const at = text.indexOf(word.text, position);
    if (index > 0) starts.push(at < 0 ? position : at);
    if (at >= 0) position = at + word.text.length;
  });
  return starts.map((start, index) => text.slice(start, starts[index + 1]));
}
