import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { httpFailure, messageOf, ShownError } from "./errors";

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

test("un échec déjà dit en français garde ses mots", () => {
  expect(messageOf(new ShownError("La réponse s'est interrompue."))).toBe("La réponse s'est interrompue.");
});

test("un refus HTTP garde le message du serveur, ou dit le code de qui a répondu à sa place", () => {
  expect(httpFailure(429, '{"error":{"message":"File pleine."}}').message).toBe("File pleine.");
  expect(httpFailure(502, "<html>Bad gateway</html>").message).toContain("inattendue (HTTP 502)");
  expect(httpFailure(502, "{}").message).toContain("HTTP 502");
});

test("la phrase anglaise d'un refus n'est pas montrée, le reste de ses lignes l'est", () => {
  const refused = "Cette clé n'est pas reconnue.\nIncorrect API key provided.";
  const error = new ConnectError(refused, Code.Unauthenticated, { "grpc-status": "16" });
  expect(messageOf(error)).toBe("Cette clé n'est pas reconnue.");
  expect(httpFailure(401, JSON.stringify({ error: { message: refused } })).message).toBe(
    "Cette clé n'est pas reconnue.",
  );
  expect(new ShownError("Le moteur dit :\nIl manque un nom.").message).toBe("Le moteur dit :\nIl manque un nom.");
});
