import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { AudioResult } from "../job/send";
import { Facts } from "./ResultCard";

const SAID: AudioResult = { id: "r1", duration: 10, language: "fr" };

it.each<[string, Partial<AudioResult>, string]>([
  ["dite", {}, "Langue : français"],
  ["reconnue", { language_probability: 0.98 }, "Langue reconnue : français (98 %)"],
  ["supposée", { language_assumed: true }, "Langue supposée : français"],
])("dit si la langue est %s", (_, known, text) => {
  render(<Facts result={{ ...SAID, ...known }} elapsed={undefined} />);
  expect(screen.getByTestId("audio-end").textContent).toBe(text);
});
