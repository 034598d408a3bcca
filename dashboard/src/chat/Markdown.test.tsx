import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { show } from "../testing/render";
import { Markdown } from "./Markdown";

test("le HTML d'une réponse reste du texte, et rien n'est demandé au réseau", () => {
  const text = "<script>alert(1)</script> <img src=x onerror=alert(1)>\n\n![plan](https://ailleurs.exemple/p.png)";
  const { container } = show(<Markdown text={text} />);
  expect(container.querySelector("script, img, iframe")).toBeNull();
  expect(container.textContent).toContain("<script>alert(1)</script>");
  expect(screen.getByText("plan").getAttribute("href")).toBe("https://ailleurs.exemple/p.png");
});

test("un lien s'ouvre ailleurs, sans rien dire de cette page ; une adresse de script n'est pas suivie", () => {
  show(<Markdown text={"[bon](https://a.exemple) [mauvais](javascript:alert(1))"} />);
  const link = screen.getByText("bon");
  expect(link.getAttribute("rel")).toBe("noopener noreferrer");
  expect(link.getAttribute("target")).toBe("_blank");
  expect(screen.getByText("mauvais").getAttribute("href") ?? "").toBe("");
});

test("le code se copie sans sa mise en forme", async () => {
  const person = userEvent.setup();
  show(<Markdown text={"Voici :\n\n```python\nx = 1\n\nprint(x)\n```\n"} />);
  await person.click(screen.getByTestId("chat-copy-code"));
  await waitFor(async () => expect(await navigator.clipboard.readText()).toBe("x = 1\n\nprint(x)\n"));
});

test("tableaux, titres et cases à cocher tiennent leur place dans la page", () => {
  show(<Markdown text={"# Titre\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] fait\n- [ ] à faire"} />);
  expect(screen.getByRole("heading", { level: 3 }).textContent).toBe("Titre");
  expect(screen.getAllByRole("cell").map((cell) => cell.textContent)).toEqual(["1", "2"]);
  expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual(["☑ fait", "☐ à faire"]);
});
