import { expect, test } from "vitest";
import { turn } from "./samples";
import { exported, markdownOf } from "./turns";

test("l'export porte la conversation au schéma d'OpenAI, et chaque échange avec ce qu'il a coûté", () => {
  const failed = turn({ id: 1, question: "c", answer: "", end: "failed", failure: "File pleine.", finishReason: "" });
  const found = JSON.parse(exported([[turn()], [failed]], new Date(0)));
  expect(found.exported_at).toBe("1970-01-01T00:00:00.000Z");
  expect(found.messages).toEqual([
    { role: "system", content: "Sois bref." },
    { role: "user", content: "a" },
    { role: "assistant", content: "b" },
  ]);
  expect(found.exchanges[0]).toMatchObject({
    request: { model: "qwen", temperature: 0, seed: 7 },
    answer: "b",
    finish_reason: "stop",
    usage: { prompt_tokens: 10, completion_tokens: 21, total_tokens: 31 },
    time_to_first_token_seconds: 0.5,
    tokens_per_second: 10,
  });
  expect(found.exchanges[1]).toMatchObject({ question: "c", end: "failed", error: "File pleine." });
});

test("l'export en Markdown garde les réponses telles quelles, celles de deux modèles à la suite, le raisonnement replié", () => {
  const second = turn({ ask: { ...turn().ask, model: "smol" }, answer: "", failure: "File pleine." });
  const first = turn({ answer: "<think>je pense</think>$x$ et **b**" });
  expect(markdownOf([[first, second]], (key) => key.toUpperCase())).toBe(
    [
      "# Conversation",
      "## Vous",
      "a",
      "## QWEN",
      "<details><summary>Raisonnement</summary>\n\nje pense\n\n</details>",
      "$x$ et **b**",
      "## SMOL",
      "*File pleine.*\n",
    ].join("\n\n"),
  );
});
