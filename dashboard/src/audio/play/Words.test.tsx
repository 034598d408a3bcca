// Les textes viennent du serveur : tests/support/written.py, par tests/data/dashboard_formats.json.
import { readFileSync } from "node:fs";
import { render } from "@testing-library/react";
import { expect, test } from "vitest";
import type { AudioResult } from "../job/send";
import { joined } from "../slices";
import { Words } from "./Passages";
import { Player } from "./Player";

const CASES = JSON.parse(readFileSync("../tests/data/dashboard_formats.json", "utf8")) as {
  name: string;
  json: string;
}[];

test.each(CASES)("$name : la page montre le texte tel qu'il est", ({ json }) => {
  const { text, segments } = JSON.parse(json) as AudioResult;
  expect(joined((segments ?? []).map((segment) => segment.text))).toBe(text ?? "");
  for (const segment of segments ?? []) {
    if (!segment.words?.length) continue;
    const { container } = render(
      <Words text={segment.text} words={segment.words} current={false} player={new Player()} />,
    );
    expect(container.textContent).toBe(segment.text);
    const shown = [...container.querySelectorAll("[data-testid=audio-word]")].map(({ textContent }) => textContent);
    expect(shown).toEqual(segment.words.map((word) => word.text));
  }
});

test("un mot à vérifier se voit et se dit, sans changer le texte", () => {
  const words = [
    { start: 0, end: 1, text: "Bonjour" },
    { start: 1, end: 2, text: "Camille.", confidence: 0.314, low_confidence: true },
  ];
  const { container } = render(<Words text="Bonjour Camille." words={words} current={false} player={new Player()} />);
  expect(container.textContent).toBe("Bonjour Camille.");
  const marked = container.querySelectorAll("mark");
  expect([...marked].map(({ textContent }) => textContent)).toEqual(["Camille."]);
  expect(marked[0]?.getAttribute("aria-description")).toBe("À vérifier : confiance de 31 %");
  expect(marked[0]?.style.textDecoration).toContain("dotted");
});
