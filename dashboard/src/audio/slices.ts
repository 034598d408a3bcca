// Un texte et ses tranches, aux règles du serveur (server/slices.py) : rien ne s'en recolle.

const UNSPACED =
  "[\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u2e80-\\u2fdf\\u3000-\\u312f\\u31a0-\\u31bf\\u31f0-\\u31ff" +
  "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\ufe30-\\ufe4f\\uff01-\\uff9f\\u{20000}-\\u{3ffff}]";
const FIRST = new RegExp(`^${UNSPACED}`, "u");
const LAST = new RegExp(`${UNSPACED}$`, "u");

/** Texte entier de textes consécutifs : une espace les sépare, sauf dans une écriture qui n'en a pas. */
export function joined(texts: readonly string[]): string {
  return texts
    .filter(Boolean)
    .reduce((whole, text) => whole + (!whole || (LAST.test(whole) && FIRST.test(text)) ? "" : " ") + text, "");
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
