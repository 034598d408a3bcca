import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { messageOf } from "./errors";

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
