import { screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { show } from "../testing/render";
import { ErrorBoundary } from "./ErrorBoundary";

function Broken(): never {
  throw new Error("cassé exprès");
}

afterEach(() => vi.restoreAllMocks());

test("une erreur se dit en français, avec de quoi recharger", () => {
  // React écrit l'erreur dans la console : elle est voulue ici.
  const written = vi.spyOn(console, "error").mockImplementation(() => {});
  show(
    <ErrorBoundary>
      <Broken />
    </ErrorBoundary>,
  );
  expect(screen.getByRole("alert").textContent).toMatch(/a rencontré une erreur.*cassé exprès/);
  expect(screen.getByRole("button", { name: "Recharger la page" })).toBeTruthy();
  expect(written).toHaveBeenCalled();
});

test("sans erreur, rien ne s'ajoute", () => {
  show(
    <ErrorBoundary>
      <p>tout va bien</p>
    </ErrorBoundary>,
  );
  expect(screen.queryByTestId("crash")).toBeNull();
  expect(screen.getByText("tout va bien")).toBeTruthy();
});
