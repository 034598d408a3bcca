// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { copyText } from "./CopyButton";

let selected = "";

beforeEach(() => {
  selected = "";
  // jsdom n'a pas execCommand : celui-ci note ce qu'un navigateur copierait.
  document.execCommand = vi.fn(() => {
    const { activeElement: field } = document;
    if (field instanceof HTMLTextAreaElement) selected = field.value.slice(field.selectionStart, field.selectionEnd);
    return true;
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

test("en contexte sûr, le presse-papiers du navigateur sert", async () => {
  const writeText = vi.fn(async () => {});
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  expect(await copyText("bonjour")).toBe("copied");
  expect(writeText).toHaveBeenCalledWith("bonjour");
  expect(document.execCommand).not.toHaveBeenCalled();
});

test("en HTTP simple, le texte entier passe par une sélection, et le curseur revient", async () => {
  vi.stubGlobal("navigator", {});
  const button = document.body.appendChild(document.createElement("button"));
  button.focus();
  expect(await copyText("deux\nlignes")).toBe("copied");
  expect(selected).toBe("deux\nlignes");
  expect(document.activeElement).toBe(button);
  expect(document.querySelector("textarea")).toBeNull();
});

test("un presse-papiers refusé n'est pas une fin", async () => {
  vi.stubGlobal("navigator", { clipboard: { writeText: () => Promise.reject(new Error("refus")) } });
  expect(await copyText("texte")).toBe("copied");
  expect(selected).toBe("texte");
});

test("quand tout est refusé, le texte montré est sélectionné", async () => {
  vi.stubGlobal("navigator", {});
  document.execCommand = () => false;
  const shown = document.body.appendChild(document.createElement("pre"));
  shown.textContent = "à copier";
  expect(await copyText("à copier", shown)).toBe("selected");
  expect(getSelection()?.toString()).toBe("à copier");
  expect(await copyText("à copier")).toBe("failed");
});
