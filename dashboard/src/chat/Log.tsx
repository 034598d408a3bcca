import { Box, Stack } from "@mui/material";
import { useEffect, useRef } from "react";
import { Spoken } from "../shell/kit";
import { Answer, Question } from "./Answer";
import { T } from "./texts";
import type { Row } from "./turns";

const NEAR_END_PX = 80;

interface Props {
  rows: Row[];
  name: (model: string) => string;
  lang: string | undefined;
  streaming: boolean;
  onAgain: () => void;
  onEdit: () => void;
}

/** Les échanges ; la page suit la fin tant qu'on ne remonte pas lire plus haut. */
export function Log({ rows, name, lang, streaming, onAgain, onEdit }: Props) {
  const last = rows.at(-1);
  const end = useFollow(last?.[0]?.id);
  return (
    // Sans annonce par mot : la réponse entière est dite une fois, à sa fin.
    <Stack role="log" aria-live="off" aria-label={T.log} aria-busy={streaming} spacing={3}>
      {rows.map((row) => {
        const [first] = row;
        const free = row === last && !streaming;
        // Un modèle déchargé exprès n'est pas à recharger d'ici.
        const again = free && !row.some(({ unloaded }) => unloaded);
        return (
          first && (
            <Stack key={first.id} ref={row === last ? end : undefined} spacing={1.5}>
              <Question turn={first} lang={lang} />
              <Box sx={row.length > 1 ? SIDE_BY_SIDE : undefined}>
                {row.map((turn) => (
                  <Answer
                    key={turn.ask.model}
                    turn={turn}
                    name={name(turn.ask.model)}
                    lang={lang}
                    onAgain={again && turn === first ? onAgain : undefined}
                    onEdit={free && turn === first ? onEdit : undefined}
                  />
                ))}
              </Box>
            </Stack>
          )
        );
      })}
      <Spoken>{last && said(last, streaming, name)}</Spoken>
    </Stack>
  );
}

const SIDE_BY_SIDE = { display: "grid", gap: 2, gridTemplateColumns: { xs: "1fr", md: "repeat(2, minmax(0, 1fr))" } };

function said(row: Row, streaming: boolean, name: (model: string) => string): string {
  if (streaming) return T.answering;
  return row
    .map(({ ask, answer, failure }) => T.answered(name(ask.model), [answer, failure].filter(Boolean).join(" ")))
    .join(" ");
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
