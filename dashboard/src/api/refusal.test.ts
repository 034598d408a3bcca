import { Code, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { refusal } from "../testing/refusal";
import { refusalOf } from "./errors";

test("un refus du serveur a son message, son motif et son champ", async () => {
  const transport = createRouterTransport(({ rpc }) => {
    rpc(AdminService.method.checkLoad, () => {
      throw refusal(Code.InvalidArgument, "INVALID_REQUEST", "gpus : 3 GPU.", { field: "gpus" });
    });
  });
  const error = await createClient(AdminService, transport)
    .checkLoad({})
    .catch((found: unknown) => found);
  expect(refusalOf(error)).toEqual({ message: "gpus : 3 GPU.", reason: "INVALID_REQUEST", field: "gpus" });
});

test("une panne n'a ni motif ni champ", () => {
  expect(refusalOf(new TypeError("Failed to fetch"))).toMatchObject({ reason: "", field: "" });
});
