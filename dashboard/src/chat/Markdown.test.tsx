import { renderHook, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { show } from "../testing/render";
import { useShown } from "./formatted";
import { Markdown } from "./Markdown";

test("le HTML d'une réponse reste du texte, et rien n'est demandé au réseau", () => {
  const text = "<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n![plan](https://ailleurs.exemple/p.png)";
  const { container } = show(<Markdown text={text} done />);
  expect(container.querySelector("script, img, iframe")).toBeNull();
  expect(container.textContent).toContain("<script>alert(1)</script>");
  expect(screen.getByText("plan").getAttribute("href")).toBe("https://ailleurs.exemple/p.png");
});

test("un lien s'ouvre ailleurs, sans rien dire de cette page ; une adresse de script n'est pas suivie", () => {
  show(<Markdown text={"[bon](https://a.exemple) [mauvais](javascript:alert(1))"} done />);
  const link = screen.getByText("bon");
  expect(link.getAttribute("rel")).toBe("noopener noreferrer");
  expect(link.getAttribute("target")).toBe("_blank");
  expect(screen.getByText("mauvais").getAttribute("href") ?? "").toBe("");
});

test("le code se copie sans sa mise en forme", async () => {
  const person = userEvent.setup();
  show(<Markdown text={"Voici :\n\n```python\nx = 1\n\nprint(x)\n```\n"} done />);
  await person.click(screen.getByTestId("chat-copy-code"));
  await waitFor(async () => expect(await navigator.clipboard.readText()).toBe("x = 1\n\nprint(x)\n"));
});

test("tableaux, titres et cases à cocher tiennent leur place dans la page", () => {
  show(<Markdown text={"# Titre\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] fait\n- [ ] à faire"} done />);
  expect(screen.getByRole("heading", { level: 3 }).textContent).toBe("Titre");
  expect(screen.getAllByRole("cell").map((cell) => cell.textContent)).toEqual(["1", "2"]);
  expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual(["☑ fait", "☐ à faire"]);
});

test("les formules se dessinent, accessibles, et le texte autour reste", async () => {
  const text = "Avec $a^2$, \\(b\\) :\n\n$$\n\\frac{1}{2}\n$$\n\n| c |\n|---|\n| $|d|$ |\n\nde $5 à $10";
  const { container } = show(<Markdown text={text} done />);
  await waitFor(() => expect(container.querySelectorAll("math")).toHaveLength(4));
  expect(container.querySelectorAll(".katex-display")).toHaveLength(1);
  expect(screen.getByRole("cell").querySelector("math")).toBeTruthy();
  expect(container.textContent).toContain("de $5 à $10");
});

test("une formule hostile ne mène nulle part, ne s'exécute pas, ne grossit pas sans fin", async () => {
  const hostile = [
    "\\href{javascript:alert(1)}{x}",
    "\\url{https://ailleurs.exemple}",
    "\\includegraphics{https://ailleurs.exemple/p.png}",
    "\\htmlStyle{position:fixed}{x}",
    "\\htmlId{a}{\\htmlClass{b}{\\htmlData{c=d}{x}}}",
    "<img src=x onerror=alert(1)>",
    "\\rule{9999em}{9999em}",
    "\\fcolorbox{red}{blue}{x}",
    "\\def\\a{\\b\\b}\\def\\b{\\c\\c}\\a",
    `${"{".repeat(1_900)}x${"}".repeat(1_900)}`,
    "\\frac{",
  ];
  const { container } = show(<Markdown text={hostile.map((tex) => `\\(${tex}\\)`).join("\n\n")} done />);
  await waitFor(() => expect(container.querySelectorAll(".katex").length).toBeGreaterThan(3));
  expect(container.querySelector("script, img, iframe, a, [id], [href], [style*=fixed], .b, math [style]")).toBeNull();
  const sizes = [...container.querySelectorAll<HTMLElement>(".katex *")].map(
    ({ style }) => parseFloat(style?.width) || 0,
  );
  expect(Math.max(...sizes)).toBeLessThan(20);
  expect(container.textContent).toContain("\\def\\a");
  expect(container.textContent).toContain("\\frac{");
});

test("le code prend ses couleurs, sans que son texte change ; un langage inconnu reste du texte", async () => {
  const code = "def f(x):\n    return x * 2  # <b>double</b>\n";
  const text = `\`\`\`python\n${code}\`\`\`\n\n\`\`\`inconnu\n${code}\`\`\`\n\n1. a\n\n   \`\`\`js\n   let a;\n   \`\`\`\n`;
  const { container } = show(<Markdown text={text} done />);
  await waitFor(() => expect(container.querySelectorAll(".hljs-keyword")).toHaveLength(3));
  const blocks = [...container.querySelectorAll("pre")].map(({ textContent }) => textContent);
  expect(blocks).toEqual([code, code, "let a;\n"]);
  expect(container.querySelector("b")).toBeNull();
});

test("un lien nommé, une note : rien ne se perd d'un bloc à l'autre", () => {
  show(<Markdown text={"voir [ici][a][^1]\n\nsuite\n\n[a]: https://a.exemple\n\n[^1]: la note"} done />);
  expect(screen.getByText("ici").getAttribute("href")).toBe("https://a.exemple");
  expect(screen.getByText(/la note/).textContent).toBe("[1]: la note");
});

test("tant qu'une réponse vient, ce qui est déjà là n'est plus touché", async () => {
  const part = "# a $x$\n\nb **c**\n\n```py\nd = 1\n```\n\n- e\n\n";
  const { container, rerender } = show(<Markdown text={part.repeat(20)} done={false} />);
  await waitFor(() => expect(container.querySelectorAll("math")).toHaveLength(20));
  await waitFor(() => expect(container.querySelectorAll(".hljs-number")).toHaveLength(20));
  const last = container.querySelector("ul:last-of-type");
  const touched: Node[] = [];
  const changes = new MutationObserver((records) => touched.push(...records.map(({ target }) => target)));
  changes.observe(container, { subtree: true, childList: true, characterData: true, attributes: true });
  rerender(<Markdown text={`${part.repeat(20)}suite`} done={false} />);
  await waitFor(() => expect(container.textContent).toContain("suite"));
  changes.disconnect();
  expect(touched.length).toBeGreaterThan(0);
  expect(touched.every((one) => one === last?.parentNode || last?.contains(one))).toBe(true);
});

test("un long morceau qui grandit est repris de loin en loin, puis entier à sa fin", () => {
  const seen = new Set<number>();
  const text = "a".repeat(80_000);
  const { result, rerender } = renderHook(({ end, done }) => useShown(text.slice(0, end), done), {
    initialProps: { end: 4_000, done: false },
  });
  for (let end = 4_000; end < text.length; end += 100) {
    rerender({ end, done: false });
    expect(end - result.current).toBeLessThanOrEqual(end / 8);
    seen.add(result.current);
  }
  expect(seen.size).toBeLessThan(40);
  rerender({ end: text.length, done: true });
  expect(result.current).toBe(text.length);
});

test("du code qui vient prend ses couleurs avant sa fin", async () => {
  const { container } = show(<Markdown text={"```python\ndef f(x):\n    ret"} done={false} />);
  await waitFor(() => expect(container.querySelector(".hljs-keyword")?.textContent).toBe("def"));
  expect(container.querySelector("pre")?.textContent).toBe("def f(x):\n    ret");
});

test.each([
  ["des citations emboîtées", `${"> ".repeat(15)}fin\n\n${"> ".repeat(3_000)}`],
  ["des listes emboîtées", Array.from({ length: 100 }, (_, depth) => `${"  ".repeat(depth)}- a`).join("\n")],
  ["des crochets", "[".repeat(15_000)],
  ["des liens jamais fermés", "[a](".repeat(5_000)],
  ["des emphases", "*a_ ".repeat(5_000)],
  ["des dollars", "$a $$ ".repeat(2_000)],
  ["des formules jamais fermées", "\\[ \\( ".repeat(5_000)],
  ["des accents graves", Array.from({ length: 200 }, (_, count) => "`".repeat(count)).join(" ")],
])("%s : le texte se lit, le reste de la réponse aussi", (_name, text) => {
  const { container } = show(<Markdown text={`avant\n\n${text}\n\naprès`} done />);
  expect(container.textContent).toContain("avant");
  expect(container.textContent).toContain("après");
});
