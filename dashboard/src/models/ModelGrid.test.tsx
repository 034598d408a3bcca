import { create } from "@bufbuild/protobuf";
import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { AdminService, StatusSchema } from "../gen/passerelle/v1/admin_pb";
import { show } from "../testing/render";
import { ModelGrid } from "./ModelGrid";
import { modelOf, NOW } from "./testing";

test("sans état encore, des cartes vides ; sans modèle, on le dit", () => {
  const { rerender } = show(<ModelGrid status={undefined} />);
  expect(screen.getAllByTestId("model-skeleton")).toHaveLength(3);
  rerender(<ModelGrid status={create(StatusSchema, {})} />);
  expect(screen.queryByTestId("model-skeleton")).toBeNull();
  screen.getByText(/aucun modèle/);
});

test("seul un modèle prêt dont le moteur sait dormir s'endort", async () => {
  const models = [modelOf(), modelOf({ key: "canary" })];
  const status = create(StatusSchema, { models, observedAt: { seconds: BigInt(NOW) } });
  show(<ModelGrid status={status} />, (router) => {
    router.service(AdminService, {
      getCapabilities: () => ({
        models: [
          { key: "qwen", features: ["stream", "sleep"] },
          { key: "canary", features: ["stream"] },
        ],
      }),
    });
  });
  await screen.findByTestId("action-sleep-qwen");
  expect(screen.queryByTestId("action-sleep-canary")).toBeNull();
});
