import { expect, test } from "vitest";
import { ErrorReason } from "../gen/passerelle/v1/error_reason_pb";
import { remedyOf } from "./remedies";

// Ceux-là ne viennent que d'une requête d'inférence : aucune opération sur un modèle ne les rend.
const INFERENCE_ONLY = [
  "UNSPECIFIED",
  "CONTEXT_LENGTH_EXCEEDED",
  "PAYLOAD_TOO_LARGE",
  "WRONG_CAPABILITY",
  "QUEUE_FULL",
  "RATE_LIMIT_EXCEEDED",
  "QUOTA_EXHAUSTED",
  "SLOW_CONSUMER",
  "AUDIO_CONFIG_EXPECTED",
  "INVALID_AUDIO",
  "AUDIO_LIMIT_EXCEEDED",
  "ROUTE_NOT_FOUND",
  "MODEL_NOT_ALLOWED",
  "REQUEST_CANCELLED",
  // Ceux-là, des seuls gestes sur les clés et les requêtes.
  "KEYS_READ_ONLY",
  "KEY_NOT_FOUND",
  "REQUEST_NOT_FOUND",
];
const general = remedyOf("MOTIF_D_UNE_AUTRE_VERSION");
const reasons = Object.values(ErrorReason).filter((name): name is string => typeof name === "string");

test.each(reasons.filter((reason) => !INFERENCE_ONLY.includes(reason)))("%s a son remède", (reason) => {
  expect(remedyOf(reason)).not.toBe(general);
});

test("un motif inconnu a un conseil général", () => {
  expect(general).toMatch(/journal/);
  for (const reason of [...INFERENCE_ONLY, "", "toString"]) expect(remedyOf(reason)).toBe(general);
});
