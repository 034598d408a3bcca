import { openAiBody, openAiMessages } from "./ask";
import { T } from "./texts";
import { columnOf, conversation, measuresOf, type Row, unfold } from "./turns";

export const FORMS = ["markdown", "json"] as const;
export type Form = (typeof FORMS)[number];

/** Nom, type et texte du fichier. */
export function exportOf(
  form: Form,
  rows: Row[],
  now: Date,
  name: (model: string) => string,
): [string, string, string] {
  return form === "json"
    ? [`${T.exportName}.json`, "application/json", exported(rows, now)]
    : [`${T.exportName}.md`, "text/markdown", markdownOf(rows, name)];
}

/** La conversation en Markdown : les réponses telles que les modèles les ont écrites, le raisonnement replié. */
export function markdownOf(rows: Row[], name: (model: string) => string): string {
  const parts = rows.flatMap((row) => [
    `## ${T.you}`,
    ...(row[0]?.images ?? []).map((image) => `*${T.image(image.name)}*`),
    row[0]?.question ?? "",
    ...row.flatMap((turn) => {
      const { answer, thought } = unfold(turn.answer);
      const reasoning = [turn.reasoning, thought].filter(Boolean).join("\n\n");
      return [
        `## ${name(turn.ask.model)}`,
        reasoning && `<details><summary>${T.reasoning}</summary>\n\n${reasoning}\n\n</details>`,
        answer.trim(),
        turn.failure ? `*${turn.failure}*` : "",
      ];
    }),
  ]);
  return `# ${T.title}\n\n${parts.filter(Boolean).join("\n\n")}\n`;
}

/** La conversation en JSON : ses messages au schéma d'OpenAI, puis chaque échange avec ses réglages et ses mesures. */
export function exported(rows: Row[], now: Date): string {
  const exchanges = rows.flat().map((turn) => {
    const { messages: _, ...settings } = openAiBody(turn.ask);
    const { firstToken, rate, total } = measuresOf(turn);
    return {
      request: settings,
      question: turn.question,
      answer: turn.answer,
      reasoning: turn.reasoning || undefined,
      end: turn.end,
      finish_reason: turn.finishReason || undefined,
      error: turn.failure,
      usage: turn.usage && {
        prompt_tokens: turn.usage.promptTokens,
        completion_tokens: turn.usage.completionTokens,
        total_tokens: turn.usage.totalTokens,
      },
      time_to_first_token_seconds: firstToken,
      tokens_per_second: rate,
      total_seconds: total,
    };
  });
  const system = rows.at(-1)?.[0]?.ask.messages.find((message) => message.role === "system");
  const messages = openAiMessages(conversation(columnOf(rows, 0), system?.text ?? ""));
  return JSON.stringify({ exported_at: now.toISOString(), messages, exchanges }, null, 2);
}
