import { expect, test } from "vitest";
import { blocksOf, codeOf, DISPLAYED, formulasAsCode, INLINE, targetsOf, tooHard } from "./blocks";

test.each([
  ["deux paragraphes", "a\n\nb\n", ["a\n\n", "b\n"]],
  ["du code qu'aucune ligne vide ne sépare", "a\n```py\nx\n\ny\n```\nb", ["a\n", "```py\nx\n\ny\n```\n", "b"]],
  [
    "une barrière plus longue qui en cite une",
    "````md\n```\n\n```\n````\n\nb",
    ["````md\n```\n\n```\n````\n", "\n", "b"],
  ],
  ["du code inachevé", "a\n\n~~~\nx\n\ny", ["a\n\n", "~~~\nx\n\ny"]],
  [
    "une liste et son code en retrait",
    "1. a\n\n   ```\n   x\n\n   y\n   ```\n\n2. b\n\nc",
    ["1. a\n\n   ```\n   x\n\n   y\n   ```\n\n2. b\n\n", "c"],
  ],
  ["une formule à part", "a\n\n$$\nx\n\ny\n$$\nb", ["a\n\n", "$$\nx\n\ny\n$$\n", "b"]],
  ["rien", "", []],
])("%s", (_name, text, expected) => {
  const found = blocksOf(text);
  expect(found).toEqual(expected);
  expect(found.join("")).toBe(text);
});

test("un texte qui grandit garde ses blocs : le dernier seul change", () => {
  const text = "# a\n\nb *c*\n\n- d\n\n- e\n\n```py\nx = 1\n\n\ny\n```\nf\n\n| g |\n|---|\n| h |\n\ni\n".repeat(3);
  let before: string[] = [];
  for (let end = 1; end <= text.length; end += 1) {
    const now = blocksOf(text.slice(0, end));
    // Deux au plus : une barrière qui se précise fait de sa ligne un bloc de plus.
    const same = Math.max(0, before.length - 2);
    expect(now.slice(0, same)).toEqual(before.slice(0, same));
    before = now;
  }
});

test("un bloc de code se lit sans Markdown, fini ou non", () => {
  expect(codeOf("```Python\nx = 1\n```\n")).toEqual({ language: "python", code: "x = 1\n" });
  expect(codeOf("~~~\nx\n```\ny")).toEqual({ language: "", code: "x\n```\ny" });
  expect(codeOf("```py")).toEqual({ language: "py", code: "" });
  expect(codeOf("a ```py\n")).toBeUndefined();
});

test("une formule devient du code que le Markdown garde entier ; un prix, du code et une formule inachevée restent", () => {
  const written = [
    ["$E=mc^2$ et \\(a\\)", `\`${INLINE}E=mc^2\` et \`${INLINE}a\``],
    ["\\[\na\n\\] puis $$b$$", `\`${DISPLAYED}a\` puis \`${DISPLAYED}b\``],
    ["`$x$` et ``\\(`y\\)``", "`$x$` et ``\\(`y\\)``"],
    ["```\n$x$\n```\n$y$", `\`\`\`\n$x$\n\`\`\`\n\`${INLINE}y\``],
    ["| $|x|$ | $\\|y\\|$ |", `| \`${INLINE}\\vert x\\vert\` | \`${INLINE}\\Vert y\\Vert\` |`],
    ["a[^1] `[^b]`\n\n[^1]: c", "a\\[1\\] `[^b]`\n\n\\[1\\]: c"],
    ["$a`b$", `\`\`${INLINE}a\`b\`\``],
  ] as const;
  for (const [text, expected] of written) expect(formulasAsCode(text)).toBe(expected);
  for (const text of ["de $5 à $10, US$5 et 3$, \\$x\\$", "~~~\n$x$ \\(inachevé\\)", "\\[ \\] $$ $$ \\(a"]) {
    expect(formulasAsCode(text)).toBe(text);
  }
});

test("une longue liste se coupe entre deux éléments, et ce qui figerait la page reste du texte", () => {
  const list = "1. a\n   b\n".repeat(1_000);
  const found = blocksOf(list);
  expect(found.join("")).toBe(list);
  expect(Math.max(...found.map(({ length }) => length))).toBeLessThan(2_100);
  expect(found.every((block) => block.startsWith("1. a"))).toBe(true);
  for (const hard of ["> ".repeat(30), `${"  ".repeat(50)}- a`, "*a_ ".repeat(2_000), "a".repeat(20_001)]) {
    expect(tooHard(hard)).toBe(true);
  }
  expect(tooHard(`${"-".repeat(100)}\n> > a\n        - b`)).toBe(false);
});

test("les liens nommés servent à tous les blocs", () => {
  expect(targetsOf("voir [a]\n\n[a]: http://a.exemple\n[^1]: note\n")).toBe("[a]: http://a.exemple");
});
