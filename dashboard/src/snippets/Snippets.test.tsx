import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { show } from "../testing/render";
import { Snippets } from "./Snippets";

test("chaque langage donné a son onglet, et le bouton copie celui qu'on lit", async () => {
  const person = userEvent.setup();
  show(<Snippets snippets={{ curl: "curl -N", node: "await client" }} />);
  expect(screen.getAllByRole("tab").map((tab) => tab.textContent)).toEqual(["curl", "Node"]);
  await person.click(screen.getByRole("tab", { name: "Node" }));
  expect(screen.getByRole("tabpanel", { name: "Node" }).textContent).toBe("await client");
  await person.click(screen.getByTestId("snippet-copy"));
  await waitFor(() => expect(screen.getByRole("status").textContent).toBe("Copié"));
  expect(await navigator.clipboard.readText()).toBe("await client");
});

test("le langage choisi se garde d'une page à l'autre", async () => {
  const person = userEvent.setup();
  const { unmount } = show(<Snippets snippets={{ curl: "un", python: "deux" }} />);
  await person.click(screen.getByRole("tab", { name: "Python" }));
  unmount();
  show(<Snippets snippets={{ curl: "trois", python: "quatre" }} />);
  expect(screen.getByTestId("snippet-code").textContent).toBe("quatre");
});

test("une copie impossible sélectionne l'extrait et dit la touche", async () => {
  const person = userEvent.setup({ writeToClipboard: false });
  Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true });
  document.execCommand = () => false;
  show(<Snippets snippets={{ curl: "curl -N" }} />);
  await person.click(screen.getByTestId("snippet-copy"));
  await waitFor(() => expect(screen.getByTestId("snippet-copy").textContent).toContain("Ctrl+C"));
  expect(getSelection()?.toString()).toBe("curl -N");
});
