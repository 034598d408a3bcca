import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { messageOf, reasonOf } from "./errors";

test("le message du serveur passe tel quel", () => {
  const error = new ConnectError("File pleine ; réessayez.", Code.ResourceExhausted, { "grpc-status": "8" });
  expect(messageOf(error)).toBe("File pleine ; réessayez.");
});

test("une panne du réseau se dit en français", () => {
  expect(messageOf(new TypeError("Failed to fetch"))).toContain("ne répond pas");
  expect(messageOf(new ConnectError("HTTP 503", Code.Unavailable))).toContain("ne répond pas");
  expect(messageOf(new ConnectError("HTTP 429", Code.ResourceExhausted))).toContain("occupé");
  expect(messageOf(new ConnectError("missing trailer", Code.Internal))).toContain("Internal");
});

test("le motif est celui qu'ErrorInfo porte", () => {
  const error = new ConnectError("File pleine.", Code.ResourceExhausted);
  expect(reasonOf(error)).toBe("");
  const text = (field: number, value: string) => [8 * field + 2, value.length, ...new TextEncoder().encode(value)];
  error.details.push({ type: "google.rpc.RetryInfo", value: new Uint8Array() });
  error.details.push({
    type: "google.rpc.ErrorInfo",
    value: new Uint8Array([...text(2, "passerelle"), ...text(1, "QUEUE_FULL")]),
  });
  expect(reasonOf(error)).toBe("QUEUE_FULL");
  expect(reasonOf(new TypeError("Failed to fetch"))).toBe("");
});
