import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { MAIN_ID, SkipLink } from "./Shell";

test("le clavier saute au contenu dès son premier arrêt", async () => {
  const user = userEvent.setup();
  render(
    <>
      <SkipLink />
      <a href="#/machine">Machine</a>
      <main id={MAIN_ID} tabIndex={-1} />
    </>,
  );
  await user.tab();
  await user.keyboard("{Enter}");
  expect(document.activeElement).toBe(screen.getByRole("main"));
});
