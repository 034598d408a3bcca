import { create } from "@bufbuild/protobuf";
import { fireEvent, screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { Capability } from "../gen/passerelle/v1/model_pb";
import { StatusProvider, useServer } from "../status/StatusProvider";
import { LiveStatus } from "../testing/liveStatus";
import { show } from "../testing/render";
import { ModelGrid } from "./ModelsPage";
import { modelOf } from "./testing";

test("sans état encore, des cartes vides ; sans modèle, on le dit", () => {
  const { rerender } = show(<ModelGrid status={undefined} />);
  expect(screen.getByTestId("status-skeleton").children).toHaveLength(3);
  rerender(<ModelGrid status={create(StatusSchema, {})} />);
  expect(screen.queryByTestId("status-skeleton")).toBeNull();
  screen.getByText(/aucun modèle/);
});

function Live() {
  return <ModelGrid status={useServer().status} />;
}

test("seul un modèle prêt dont le moteur sait dormir s'endort", async () => {
  const live = new LiveStatus([modelOf(), modelOf({ key: "canary" })]);
  show(
    <StatusProvider>
      <Live />
    </StatusProvider>,
    (router) => {
      router.service(AdminService, {
        watchStatus: (_, { signal }) => live.watch(signal),
        getCapabilities: () => ({
          models: [
            { key: "qwen", features: ["stream", "sleep"] },
            { key: "canary", features: ["stream"] },
          ],
        }),
      });
    },
  );
  await screen.findByTestId("action-sleep-qwen");
  expect(screen.queryByTestId("action-sleep-canary")).toBeNull();
});

/** Autant de modèles, une conversation sur deux. */
const several = (count: number) =>
  create(StatusSchema, {
    models: Array.from({ length: count }, (_, rank) =>
      modelOf({
        key: `m${rank}`,
        displayName: `Modèle ${rank}`,
        capability: rank % 2 ? Capability.TRANSCRIBE : Capability.CHAT,
      }),
    ),
  });

test("trois modèles se montrent tels quels ; davantage, par capacité, et se cherchent", () => {
  const { rerender } = show(<ModelGrid status={several(3)} />);
  expect(screen.getAllByTestId("model-grid")).toHaveLength(1);
  expect(screen.queryByTestId("model-search")).toBeNull();
  rerender(<ModelGrid status={several(9)} />);
  const chat = screen.getByRole("region", { name: "Conversation (5)" });
  expect(within(chat).getAllByRole("article")).toHaveLength(5);
  expect(within(screen.getByRole("region", { name: "Transcription (4)" })).getAllByRole("article")).toHaveLength(4);
  const search = screen.getByTestId("model-search");
  fireEvent.change(search, { target: { value: "modele 7" } });
  expect(screen.getAllByRole("article").map((one) => one.dataset.testid)).toEqual(["model-card-m7"]);
  expect(screen.queryByRole("region", { name: /Conversation/ })).toBeNull();
  fireEvent.change(search, { target: { value: "rien de tel" } });
  expect(screen.getByText("Aucun modèle ne répond à « rien de tel ».")).toBeTruthy();
  fireEvent.change(search, { target: { value: "" } });
  expect(screen.getAllByRole("article")).toHaveLength(9);
});
