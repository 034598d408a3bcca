import { expect, test } from "vitest";
import { ChatRole } from "../gen/passerelle/v1/chat_pb";
import { changeLast, messagesFor, type Turn } from "./turns";

const turns: Turn[] = [
  { id: 0, question: "a", answer: "b", end: "complete" },
  { id: 1, question: "c", answer: "", end: "failed" },
];

test("une question sans réponse n'est pas répétée", () => {
  const sent = messagesFor(turns, "d").map((message) => [message.role, message.content[0]?.part.value]);
  expect(sent).toEqual([
    [ChatRole.USER, "a"],
    [ChatRole.ASSISTANT, "b"],
    [ChatRole.USER, "d"],
  ]);
});

test("seul le dernier tour change", () => {
  const changed = changeLast(turns, (last) => ({ ...last, answer: "e" }));
  expect(changed.map((turn) => turn.answer)).toEqual(["b", "e"]);
  expect(changed[0]).toBe(turns[0]);
  expect(changeLast([], (last) => last)).toEqual([]);
});
