// @vitest-environment jsdom
import { afterEach, expect, test, vi } from "vitest";
import { save } from "./save";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test("l'adresse d'un fichier reste lisible bien après le clic, puis se libère", () => {
  vi.useFakeTimers();
  URL.createObjectURL = vi.fn(() => "blob:essai");
  URL.revokeObjectURL = vi.fn();
  const clicked = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
  save("a.srt", "application/x-subrip", "1");
  expect(clicked.mock.contexts[0]).toMatchObject({ href: "blob:essai", download: "a.srt" });
  vi.advanceTimersByTime(30_000);
  expect(URL.revokeObjectURL).not.toHaveBeenCalled();
  vi.advanceTimersByTime(60_000);
  expect(URL.revokeObjectURL).toHaveBeenCalledWith("blob:essai");
});
