import { mdiPencilOutline } from "@mdi/js";
import { Box, IconButton, InputBase, Stack, Typography } from "@mui/material";
import { type KeyboardEvent, memo, useState } from "react";
import { seconds } from "../../format";
import { Icon, Note } from "../../shell/kit";
import type { Span } from "../job/send";
import { clock, type Lane } from "../result/lanes";
import { T } from "../texts";
import { currentOf, type Player, usePlayer } from "./Player";

interface Props {
  lane: Lane;
  name: string;
  color: string;
  duration: number;
  player: Player;
}

/** Tours d'un locuteur ; un clic, ou Entrée, joue depuis le tour, et les flèches vont de l'un à l'autre. */
export const LaneBar = memo(function LaneBar({ lane: { turns }, name, color, duration, player }: Props) {
  const current = usePlayer(player, ({ time, playing }) => (playing || time > 0 ? currentOf(turns, time) : -1));
  // Un seul tour est dans l'ordre de tabulation : une longue réunion en a des centaines.
  const [reached, setEntry] = useState(0);
  const entry = Math.min(reached, turns.length - 1);

  function key(event: KeyboardEvent<HTMLDivElement>) {
    const next = { ArrowRight: entry + 1, ArrowLeft: entry - 1, Home: 0, End: turns.length - 1 }[event.key];
    const target = next !== undefined && event.currentTarget.children[next];
    if (!(target instanceof HTMLElement)) return;
    event.preventDefault();
    target.focus();
  }

  return (
    <Box
      role="group"
      aria-label={name}
      onKeyDown={key}
      sx={{
        position: "relative",
        height: 22,
        borderRadius: 1,
        bgcolor: "action.hover",
        "& button": {
          position: "absolute",
          top: 0,
          height: "100%",
          minWidth: "3px",
          p: 0,
          border: 0,
          borderRadius: "4px",
          cursor: "pointer",
          backgroundColor: color,
          opacity: 0.75,
        },
        "& button:hover, & button[aria-current]": { opacity: 1 },
        "& button[aria-current]": { boxShadow: "0 0 0 2px var(--mui-palette-text-primary)", zIndex: 1 },
        "& button:focus-visible": { outline: "2px solid var(--mui-palette-text-primary)", outlineOffset: 2, zIndex: 1 },
      }}
    >
      {turns.map(({ start, end }, index) => (
        <button
          key={`${start} ${end}`}
          type="button"
          tabIndex={index === entry ? 0 : -1}
          aria-label={T.passage(name, clock(start), clock(end))}
          aria-current={index === current || undefined}
          title={T.passage(name, clock(start), clock(end))}
          data-testid="audio-turn"
          style={place({ start, end }, duration)}
          onFocus={() => setEntry(index)}
          onClick={() => player.playFrom(start)}
        />
      ))}
    </Box>
  );
});

/** Place d'un intervalle sur la ligne de temps. */
export function place({ start, end }: Span, duration: number) {
  return { left: `${(100 * start) / duration}%`, width: `${(100 * (end - start)) / duration}%` };
}

interface LaneHeaderProps {
  lane: Lane;
  name: string;
  color: string;
  /** Secondes de parole de tous. */
  total: number;
  onRename: (speaker: string, name: string) => void;
}

/** Un locuteur : sa couleur, son nom, que l'on change ici, et son temps de parole. */
export function LaneHeader({
  lane: { speaker, turns, seconds: spoken },
  name,
  color,
  total,
  onRename,
}: LaneHeaderProps) {
  const [draft, setDraft] = useState<string>();
  // Une touche a fermé le champ : le clavier retourne au crayon, au lieu de se perdre avec lui.
  const [back, setBack] = useState(false);
  function finish(keep: boolean, byKey: boolean) {
    if (keep && draft !== undefined) onRename(speaker, draft.trim());
    setDraft(undefined);
    setBack(byKey);
  }
  return (
    <Stack
      direction="row"
      useFlexGap
      // Au-dessus du curseur, qui sinon barrerait le nom.
      sx={{
        columnGap: 1,
        alignItems: "center",
        flexWrap: "wrap",
        position: "sticky",
        left: 0,
        zIndex: 1,
        width: "fit-content",
        minHeight: 30,
        pr: 1,
        bgcolor: "background.paper",
      }}
    >
      <Box sx={{ width: 12, height: 12, borderRadius: "50%", bgcolor: color, flexShrink: 0 }} />
      {draft === undefined ? (
        <>
          <Typography variant="body2" sx={{ fontWeight: 600 }} data-testid="audio-speaker">
            {name}
          </Typography>
          <IconButton
            size="small"
            autoFocus={back}
            aria-label={T.rename(name)}
            onClick={() => setDraft(name)}
            data-testid="audio-rename"
          >
            <Icon path={mdiPencilOutline} sx={{ fontSize: 16 }} />
          </IconButton>
        </>
      ) : (
        <InputBase
          autoFocus
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onBlur={() => finish(true, false)}
          onKeyDown={(event) => {
            const { key } = event;
            if (key !== "Enter" && key !== "Escape") return;
            // Sans quoi le navigateur appuierait sur le crayon, qui a déjà repris le clavier.
            event.preventDefault();
            finish(key === "Enter", true);
          }}
          onFocus={(event) => event.target.select()}
          inputProps={{ "aria-label": T.renaming(speaker), maxLength: 60, "data-testid": "audio-rename-field" }}
          sx={{
            fontSize: "0.875rem",
            fontWeight: 600,
            px: 0.5,
            border: 1,
            borderColor: "primary.main",
            borderRadius: 1,
          }}
        />
      )}
      <Note>
        {T.speaking(seconds(spoken), total ? Math.round((100 * spoken) / total) : 0)} · {T.turnCount(turns.length)}
      </Note>
    </Stack>
  );
}
