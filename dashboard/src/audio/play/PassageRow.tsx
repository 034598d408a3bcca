import { Box } from "@mui/material";
import { memo } from "react";
import { clock, type Passage } from "../result/lanes";
import { T } from "../texts";
import type { Player } from "./Player";
import { Words } from "./Words";

interface Props {
  passage: Passage;
  index: number;
  name: string | undefined;
  color: string;
  current: boolean;
  /** Vrai pour la seule ligne que la tabulation atteint. */
  entry: boolean;
  onEntry: (index: number) => void;
  words: boolean;
  player: Player;
}

/** Un passage : son instant, qui est le bouton, son locuteur et son texte. */
export const PassageRow = memo(function PassageRow(props: Props) {
  const { passage, index, name, color, current, entry, onEntry, words, player } = props;
  const { start, end, text } = passage;
  return (
    <Box
      component="li"
      data-start={start}
      aria-current={current || undefined}
      data-testid="audio-passage"
      sx={{
        display: "flex",
        gap: 1.5,
        px: 1,
        py: 0.5,
        borderLeft: 4,
        borderColor: color,
        borderRadius: "0 6px 6px 0",
        cursor: "pointer",
        // Une longue réunion a des centaines de lignes : le navigateur ne dessine que celles qu'on voit.
        contentVisibility: "auto",
        containIntrinsicSize: "auto 32px",
        "&:hover": { bgcolor: "action.hover" },
        "&[aria-current]": { bgcolor: "action.selected" },
      }}
    >
      <Box
        component="button"
        type="button"
        data-start={start}
        tabIndex={entry ? 0 : -1}
        aria-label={T.playFrom(clock(start))}
        onFocus={() => onEntry(index)}
        sx={{
          flexShrink: 0,
          alignSelf: "flex-start",
          minWidth: 56,
          p: 0,
          border: 0,
          background: "none",
          font: "inherit",
          fontSize: "0.8125rem",
          lineHeight: 1.85,
          textAlign: "left",
          fontVariantNumeric: "tabular-nums",
          color: "text.secondary",
          cursor: "pointer",
          borderRadius: 0.5,
          "&:focus-visible": { outline: "2px solid", outlineColor: "primary.main" },
        }}
      >
        {clock(start)}
      </Box>
      <Box sx={{ minWidth: 0, overflowWrap: "anywhere" }}>
        {name && (
          <Box component="strong" sx={{ mr: 1 }}>
            {name}
          </Box>
        )}
        {text === undefined ? (
          <Box component="span" sx={{ color: "text.secondary", fontVariantNumeric: "tabular-nums" }}>
            {T.lasting((end - start).toFixed(1).replace(".", ","))}
          </Box>
        ) : words && passage.words?.length ? (
          <Words words={passage.words} current={current} player={player} />
        ) : (
          text
        )}
      </Box>
    </Box>
  );
});
