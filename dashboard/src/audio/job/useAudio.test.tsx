import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { KeptProvider } from "../../shell/kept";
import { useAudio } from "./useDesk";

function Page() {
  const { session, state } = useAudio();
  return (
    <button type="button" onClick={() => session.setTask("diarize")}>
      {state.task}
    </button>
  );
}

test("la session se fait avec sa page, et lui survit", () => {
  const page = (
    <KeptProvider>
      <Page />
    </KeptProvider>
  );
  const home = <KeptProvider>accueil</KeptProvider>;
  const { rerender } = render(home);
  rerender(page);
  fireEvent.click(screen.getByText("transcribe"));
  rerender(home);
  rerender(page);
  expect(screen.getByText("diarize")).toBeTruthy();
});
