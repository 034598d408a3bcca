import { openAiBody, openAiMessages } from "./ask";
import { columnOf, conversation, measuresOf, type Row } from "./turns";

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
