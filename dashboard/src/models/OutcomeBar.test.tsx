import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { ModelState, OperationKind } from "../gen/passerelle/v1/admin_pb";
import { show } from "../testing/render";
import { OutcomeBar } from "./OutcomeBar";
import { modelOf } from "./testing";

const loading = modelOf({ state: ModelState.LOADING, operation: { id: "a", kind: OperationKind.LOAD } });

test("la fin d'une opération s'annonce une fois, et se ferme", async () => {
  const { rerender } = show(<OutcomeBar models={[loading]} />);
  expect(screen.queryByTestId("outcome")).toBeNull();
  rerender(<OutcomeBar models={[modelOf()]} />);
  expect(screen.getByTestId("outcome").textContent).toContain("Chargement de qwen : terminé.");
  fireEvent.click(screen.getByRole("button", { name: "Fermer" }));
  await waitFor(() => expect(screen.queryByTestId("outcome")).toBeNull());
  rerender(<OutcomeBar models={[modelOf()]} />);
  expect(screen.queryByTestId("outcome")).toBeNull();
});

test("un échec s'annonce aussi", () => {
  const { rerender } = show(<OutcomeBar models={[loading]} />);
  const lastError = { reason: "MODEL_LOAD_FAILED", message: "panne", occurredAt: { seconds: 5n } };
  rerender(<OutcomeBar models={[modelOf({ state: ModelState.CACHED, lastError })]} />);
  expect(screen.getByTestId("outcome").textContent).toContain("Chargement de qwen : échec.");
});
