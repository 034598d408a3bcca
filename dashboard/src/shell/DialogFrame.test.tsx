import { fireEvent, screen, waitFor } from "@testing-library/react";
import { useState } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { show } from "../testing/render";
import { DialogFrame, type Later, later, PageFrame } from "./later";

/** Une page, et la boîte qu'un bouton y ouvre. */
function Page({ box: { view: View } }: { box: Later<unknown> }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        ouvrir
      </button>
      {open && (
        <DialogFrame onClose={() => setOpen(false)}>
          <View />
        </DialogFrame>
      )}
    </>
  );
}

afterEach(() => vi.restoreAllMocks());

test("la page reste là tant que la boîte vient", async () => {
  let arrive = (_view: () => string) => {};
  const box = later(() => new Promise<() => string>((resolve) => (arrive = resolve)));
  show(
    <PageFrame>
      <Page box={box} />
    </PageFrame>,
  );
  fireEvent.click(screen.getByText("ouvrir"));
  expect(screen.queryByTestId("page-loading")).toBeNull();
  arrive(() => "la boîte");
  expect(await screen.findByText("la boîte")).toBeTruthy();
});

test("une boîte remplacée par une mise à jour le dit, et se ferme sans emporter la page", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  show(<Page box={later(() => Promise.reject(new TypeError("Failed to fetch dynamically imported module")))} />);
  fireEvent.click(screen.getByText("ouvrir"));
  expect((await screen.findByTestId("page-missing")).textContent).toContain("mis à jour");
  fireEvent.keyDown(screen.getByRole("dialog", { name: /n'a pas pu être lue/ }), { key: "Escape" });
  await waitFor(() => expect(screen.queryByTestId("page-missing")).toBeNull());
  expect(screen.getByText("ouvrir")).toBeTruthy();
});
