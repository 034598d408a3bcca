// La page cachée ou montrée, comme le fait le navigateur quand on change d'onglet.
import { act } from "@testing-library/react";
import { vi } from "vitest";

/** Cache ou montre la page ; `vi.restoreAllMocks` la rend visible. */
export function turn(state: DocumentVisibilityState) {
  vi.spyOn(document, "visibilityState", "get").mockReturnValue(state);
  act(() => void document.dispatchEvent(new Event("visibilitychange")));
}
