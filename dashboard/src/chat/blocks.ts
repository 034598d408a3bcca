// Une longue réponse se met en forme par blocs : tant qu'elle vient, le dernier seul est à relire.

/** Une formule d'un texte, devenue du code que le Markdown laisse entier. */
export const INLINE = "\uE000";
export const DISPLAYED = "\uE001";

/** Première ligne d'un bloc de code : sa barrière, puis son langage. */
const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n`]*$/;
/** Adresse d'un lien nommé, que d'autres blocs emploient. */
const TARGETS = /^ {0,3}\[(?!\^)[^\]\n]+\]:[ \t]*\S.*$/gm;
const LIST = /^([-*+]|\d+[.)])[ \t]/;

/** Une liste plus longue se coupe entre deux de ses éléments. */
const LIST_CHARS = 2_000;

/** Les blocs d'un texte, mis bout à bout ce texte : chacun se lit seul. Un tableau ou du code ne sont jamais coupés. */
export function blocksOf(text: string): string[] {
  const starts = [0];
  let fence = "";
  let blank = false;
  let listed = false;
  for (let from = 0; from < text.length; ) {
    const end = text.indexOf("\n", from);
    const next = end < 0 ? text.length : end + 1;
    const line = text.slice(from, end < 0 ? next : end);
    if (fence) {
      if (closes(line, fence)) {
        fence = "";
        if (!listed) starts.push(next);
      }
    } else {
      const opened = FENCE.exec(line)?.[1] ?? (line.trim() === "$$" ? "$$" : "");
      const outside = line.trim() !== "" && !/^[ \t]/.test(line);
      const item = listed && LIST.test(line);
      const cuts = item ? from - (starts.at(-1) as number) > LIST_CHARS : blank;
      // Le code interrompt un paragraphe ; le reste attend une ligne vide, et un élément de liste, la fin de la sienne.
      if (outside && (cuts || (opened && opened !== "$$"))) {
        starts.push(from);
        listed = false;
      }
      if (outside && LIST.test(line)) listed = true;
      fence = opened || indentedFence(line, listed);
      blank = line.trim() === "";
    }
    from = next;
  }
  return [...new Set(starts)]
    .filter((start) => start < text.length)
    .map((start, rank, all) => text.slice(start, all[rank + 1]));
}

/** Dans une liste, le code est en retrait. */
function indentedFence(line: string, listed: boolean): string {
  return listed ? (FENCE.exec(line.trimStart())?.[1] ?? "") : "";
}

function closes(line: string, fence: string): boolean {
  const found = line.trim();
  return found.length >= fence.length && found === (fence[0] as string).repeat(found.length);
}

/** Langage et texte d'un bloc qui n'est que du code, fini ou non. */
export function codeOf(block: string): { language: string; code: string } | undefined {
  const end = block.indexOf("\n");
  const found = FENCE.exec(end < 0 ? block : block.slice(0, end));
  if (!found) return undefined;
  const lines = end < 0 ? [] : block.slice(end + 1).split("\n");
  const last = lines.findIndex((line) => closes(line, found[1] as string));
  // Ce qui suit une barrière fermée n'est plus du code.
  if (last >= 0 && lines.slice(last + 1).some(Boolean)) return undefined;
  const code = last < 0 ? lines : [...lines.slice(0, last), ""];
  return { language: (found[2] as string).toLowerCase(), code: code.join("\n") };
}

/** Les liens nommés d'un texte. */
export function targetsOf(text: string): string {
  return (text.match(TARGETS) ?? []).join("\n");
}

/** Au-delà, une lecture du Markdown pourrait figer la page : son temps croît comme le carré des marques et de leur profondeur. */
const HARD = { chars: 20_000, marks: 2_000, deep: /^(?:[ \t]{80}|(?:[ \t]*(?:>|[-*+][ \t])){20})/m };

/** Vrai si ce bloc doit rester du texte. */
export function tooHard(block: string): boolean {
  return block.length > HARD.chars || (block.match(/[*_~[]/g)?.length ?? 0) > HARD.marks || HARD.deep.test(block);
}

/** Code, code en ligne, formules et renvois aux notes ; une formule n'en contient pas une autre, et sa longueur est bornée. */
const FORMULAS = new RegExp(
  [
    String.raw`^[ \t]*(?<fence>\x60{3,}|~{3,})[^\n]*\n[^]*?(?:^[ \t]*\k<fence>|$(?![^]))`,
    String.raw`(?<!\x60)(?<ticks>\x60+)(?!\x60)[^\n]*?(?<!\x60)\k<ticks>(?!\x60)`,
    String.raw`\\\[(?<bracket>(?:(?!\\\[)[^]){1,4000}?)\\\]`,
    String.raw`\\\((?<round>(?:(?!\\\()[^\n]){1,2000}?)\\\)`,
    String.raw`\[\^(?<note>[^\]\s]{1,40})\]`,
    String.raw`(?<!\\)\$\$(?<dollars>(?:(?!\$\$)[^]){1,4000}?)\$\$`,
    // Un prix n'est pas une formule : rien ne colle celle-ci à un mot ou à un chiffre, et ses bords ne sont pas des espaces.
    String.raw`(?<![\\$\p{L}\p{N}])\$(?![\s$])(?<dollar>(?:[^$\n\\]|\\[^\n]){1,1000}?)(?<![\s\\])\$(?![\p{L}\p{N}$])`,
  ].join("|"),
  "gmu",
);

/** Le même texte, ses formules en code : `\(…\)` et `$…$` dans la ligne, `\[…\]` et `$$…$$` à part ; les notes y sont des nombres, sans lien. */
export function formulasAsCode(text: string): string {
  return text.replace(FORMULAS, (whole, ...rest) => {
    const { note, bracket, dollars, round, dollar } = rest.at(-1) as Partial<Record<string, string>>;
    if (note) return `\\[${note}\\]`;
    const formula = bracket ?? dollars ?? round ?? dollar;
    if (!formula?.trim()) return whole;
    // Un tableau de Markdown se coupe aux barres ; une formule les dit autrement. Celles d'un tableau de TeX restent.
    const tex = /\\begin|\n/.test(formula)
      ? formula.replace(/(?<!\\)%.*$/gm, "").replace(/\s+/g, " ")
      : formula.replace(/\\\|/g, "\\Vert ").replace(/\|/g, "\\vert ");
    const ticks = "`".repeat(1 + Math.max(0, ...[...tex.matchAll(/`+/g)].map(([run]) => run.length)));
    return `${ticks}${(bracket ?? dollars) ? DISPLAYED : INLINE}${tex.trim()}${ticks}`;
  });
}
