import { ChatRole } from "../gen/passerelle/v1/chat_pb";

/** Comment une réponse a fini ; absent tant qu'elle vient. */
export type End = "complete" | "truncated" | "stopped" | "failed";

/** Une question et sa réponse. */
export interface Turn {
  id: number;
  question: string;
  answer: string;
  end?: End;
  tokens?: number;
}

/** Remplace le dernier tour. */
export function changeLast(turns: Turn[], change: (last: Turn) => Turn): Turn[] {
  return turns.map((turn, index) => (index === turns.length - 1 ? change(turn) : turn));
}

/** Messages à envoyer ; une question restée sans réponse n'est pas répétée au modèle. */
export function messagesFor(past: Turn[], question: string) {
  const answered = past.filter((turn) => turn.answer);
  return [
    ...answered.flatMap((turn) => [said(ChatRole.USER, turn.question), said(ChatRole.ASSISTANT, turn.answer)]),
    said(ChatRole.USER, question),
  ];
}

function said(role: ChatRole, text: string) {
  return { role, content: [{ part: { case: "text" as const, value: text } }] };
}
