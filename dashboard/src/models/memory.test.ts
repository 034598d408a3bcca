import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ModelSchema } from "../gen/passerelle/v1/model_pb";
import { freedBy, requestsOf } from "./model";

test("décharger rend les octets de GPU quand tous sont connus, la mémoire vive sinon", () => {
  const both = create(ModelSchema, {
    replicas: [
      { gpuBytes: 5, residentBytes: 1 },
      { gpuBytes: 7, residentBytes: 1 },
    ],
  });
  expect(freedBy(both)).toEqual({ gpu: true, bytes: 12 });
  const one = create(ModelSchema, { replicas: [{ gpuBytes: 5, residentBytes: 1 }, { residentBytes: 2 }] });
  expect(freedBy(one)).toEqual({ gpu: false, bytes: 3 });
  expect(freedBy(create(ModelSchema, {}))).toBeUndefined();
});

test("les requêtes de tous les exemplaires s'ajoutent", () => {
  const replica = { runningRequests: 1, waitingRequests: 2, maxRunning: 4, maxWaiting: 8 };
  expect(requestsOf(create(ModelSchema, { replicas: [replica, replica] }))).toEqual({
    running: 2,
    waiting: 4,
    maxRunning: 8,
    maxWaiting: 16,
  });
});
