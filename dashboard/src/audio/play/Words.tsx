import { Box } from "@mui/material";
import type { Word } from "../job/events";
import { clock } from "../result/lanes";
import { slices } from "../slices";
import type { Player } from "./Player";
import { currentOf, usePlayer } from "./usePlayer";

interface Props {
  text: string;
  words: Word[];
  current: boolean;
  player: Player;
}

/** Le texte d'un passage, chaque mot avec son instant ; celui qu'on entend est surligné. */
export function Words({ text, words, current, player }: Props) {
  const spoken = usePlayer(player, ({ time }) => (current ? currentOf(words, time) : -1));
  return (
    <Box
      component="span"
      sx={{
        "& span:hover": { textDecoration: "underline" },
        "& span[aria-current]": { bgcolor: "primary.main", color: "primary.contrastText", borderRadius: 0.5 },
      }}
    >
      {slices(text, words).map((slice, index) => {
        const { start = 0 } = words[index] ?? {};
        const word = slice.trimEnd();
        return (
          <span key={`${start} ${slice}`}>
            <span
              data-start={start}
              data-testid="audio-word"
              title={clock(start)}
              aria-current={index === spoken || undefined}
            >
              {word}
            </span>
            {slice.slice(word.length)}
          </span>
        );
      })}
    </Box>
  );
}
