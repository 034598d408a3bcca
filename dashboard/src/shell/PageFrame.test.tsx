import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { show } from "../testing/render";
import { later, PageFrame } from "./later";

function Broken(): never {
  throw new Error("panne");
}

afterEach(() => vi.restoreAllMocks());

test("une page lue plus tard se montre quand elle arrive", async () => {
  let arrive = (_view: () => string) => {};
  const { view: View } = later(() => new Promise<() => string>((resolve) => (arrive = resolve)));
  show(
    <PageFrame>
      <View />
    </PageFrame>,
  );
  expect(await screen.findByTestId("page-loading")).toBeTruthy();
  arrive(() => "la page");
  expect(await screen.findByText("la page")).toBeTruthy();
});

test("un programme remplacé par une mise à jour propose de recharger", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { view: View, preload } = later(() =>
    Promise.reject(new TypeError("Failed to fetch dynamically imported module")),
  );
  preload();
  show(
    <PageFrame>
      <View />
    </PageFrame>,
  );
  expect((await screen.findByTestId("page-missing")).textContent).toContain("mis à jour");
  expect(screen.getByTestId("page-reload")).toBeTruthy();
});

test("une autre panne n'est pas prise pour une mise à jour", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const page = (
    <PageFrame>
      <Broken />
    </PageFrame>
  );
  expect(() => show(page)).toThrow("panne");
});
