import { Stack } from "@mui/material";
import { useEffect, useRef } from "react";
import { Spoken } from "../shell/Spoken";
import { Answer } from "./Answer";
import { Question } from "./Question";
import { T } from "./texts";
import type { Turn } from "./turns";

const NEAR_END_PX = 80;

interface Props {
  turns: Turn[];
  name: (model: string) => string;
  lang: string | undefined;
  streaming: boolean;
  onAgain: () => void;
  onEdit: () => void;
}

/** Les échanges ; la page suit la fin tant qu'on ne remonte pas lire plus haut. */
export function Log({ turns, name, lang, streaming, onAgain, onEdit }: Props) {
  const last = turns.at(-1);
  const end = useFollow(last?.id);
  return (
    // Sans annonce par mot : la réponse entière est dite une fois, à sa fin.
    <Stack role="log" aria-live="off" aria-label={T.log} aria-busy={streaming} spacing={3}>
      {turns.map((turn) => {
        const free = turn === last && !streaming;
        return (
          <Stack key={turn.id} ref={turn === last ? end : undefined} spacing={1.5}>
            <Question turn={turn} lang={lang} />
            <Answer
              turn={turn}
              name={name(turn.ask.model)}
              lang={lang}
              onAgain={free ? onAgain : undefined}
              onEdit={free ? onEdit : undefined}
            />
          </Stack>
        );
      })}
      <Spoken>{last && said(last, name(last.ask.model))}</Spoken>
    </Stack>
  );
}

function said(turn: Turn, name: string): string {
  if (!turn.end) return T.answering;
  return T.answered(name, [turn.answer, turn.failure ?? ""].filter(Boolean).join(" "));
}

/** Garde à l'écran la fin du dernier échange, quand elle y est déjà ; `last` est son numéro. Rend où l'attacher. */
function useFollow(last: number | undefined) {
  const element = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const look = () => {
      const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
      atEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    };
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: une question de plus ramène à la fin, et change l'élément suivi
  useEffect(() => {
    if (!element.current) return;
    atEnd.current = true;
    // La hauteur, non le texte : la mise en forme vient après lui.
    const grown = new ResizeObserver(() => {
      const { documentElement: page } = document;
      if (atEnd.current) page.scrollTop = page.scrollHeight;
    });
    grown.observe(element.current);
    return () => grown.disconnect();
  }, [last]);
  return element;
}
