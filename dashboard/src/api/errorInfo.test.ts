import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { AdminService } from "../gen/passerelle/v1/admin_pb";
import { refusal } from "../testing/refusal";
import { errorInfo } from "./errors";

test("un refus venu du réseau dit son motif et son champ", async () => {
  const transport = createRouterTransport(({ rpc }) => {
    rpc(AdminService.method.checkLoad, () => {
      throw refusal(Code.InvalidArgument, "INVALID_REQUEST", "gpus : 3 GPU", { field: "gpus", limit: "2", value: "" });
    });
  });
  const error = await createClient(AdminService, transport)
    .checkLoad({})
    .catch((found: unknown) => found);
  expect(errorInfo(error)).toEqual({
    reason: "INVALID_REQUEST",
    metadata: { field: "gpus", limit: "2", value: "" },
  });
});

test("une panne du réseau n'en porte pas", () => {
  expect(errorInfo(new TypeError("Failed to fetch"))).toBeUndefined();
  expect(errorInfo(new ConnectError("non", Code.Internal))).toBeUndefined();
});
