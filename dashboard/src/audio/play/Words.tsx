import { Box } from "@mui/material";
import type { Word } from "../job/events";
import { clock } from "../result/lanes";
import type { Player } from "./Player";
import { currentOf, usePlayer } from "./usePlayer";

/** Mots d'un passage, chacun avec son instant ; celui qu'on entend est surligné. */
export function Words({ words, current, player }: { words: Word[]; current: boolean; player: Player }) {
  const spoken = usePlayer(player, ({ time }) => (current ? currentOf(words, time) : -1));
  return (
    <Box
      component="span"
      sx={{
        "& span:hover": { textDecoration: "underline" },
        "& span[aria-current]": { bgcolor: "primary.main", color: "primary.contrastText", borderRadius: 0.5 },
      }}
    >
      {words.map(({ text, start }, index) => (
        <span key={`${start} ${text}`}>
          {index > 0 && " "}
          <span
            data-start={start}
            data-testid="audio-word"
            title={clock(start)}
            aria-current={index === spoken || undefined}
          >
            {text}
          </span>
        </span>
      ))}
    </Box>
  );
}
