import { mdiPencilOutline } from "@mdi/js";
import { Box, IconButton, InputBase, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { seconds } from "../../format";
import { Icon } from "../../shell/Icon";
import type { Lane } from "../result/lanes";
import { T } from "../texts";

interface Props {
  lane: Lane;
  name: string;
  color: string;
  /** Secondes de parole de tous. */
  total: number;
  onRename: (speaker: string, name: string) => void;
}

/** Un locuteur : sa couleur, son nom, que l'on change ici, et son temps de parole. */
export function LaneHeader({ lane: { speaker, turns, seconds: spoken }, name, color, total, onRename }: Props) {
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
      <Typography variant="body2" color="textSecondary" sx={{ fontVariantNumeric: "tabular-nums" }}>
        {T.speaking(seconds(spoken), total ? Math.round((100 * spoken) / total) : 0)} · {T.turnCount(turns.length)}
      </Typography>
    </Stack>
  );
}
