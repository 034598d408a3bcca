import { Stack } from "@mui/material";
import { useEffect, useRef } from "react";
import { T } from "../fr";
import { Bubble } from "./Bubble";
import type { Turn } from "./turns";

const NEAR_END_PX = 48;

/** Les échanges ; suit la fin tant qu'on ne remonte pas lire plus haut. */
export function Log({ turns, name, english }: { turns: Turn[]; name: string; english: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const last = turns.at(-1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: le défilement suit le texte, qui n'est pas lu ici
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [turns]);
  return (
    <Stack
      ref={box}
      role="log"
      aria-label={T.chatLog}
      aria-busy={last !== undefined && last.end === undefined}
      tabIndex={0}
      spacing={1.5}
      onScroll={({ currentTarget: seen }) => {
        atEnd.current = seen.scrollHeight - seen.scrollTop - seen.clientHeight < NEAR_END_PX;
      }}
      sx={{ maxHeight: "60vh", overflowY: "auto" }}
    >
      {turns.map((turn) => (
        <Stack key={turn.id} spacing={1.5}>
          <Bubble author={T.you} mine text={turn.question} testId="chat-question" lang={english ? "en" : undefined} />
          <Bubble author={name} turn={turn} text={turn.answer} testId="chat-answer" lang={english ? "en" : undefined} />
        </Stack>
      ))}
    </Stack>
  );
}
