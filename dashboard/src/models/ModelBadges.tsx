import { mdiCloudDownloadOutline, mdiDatabaseCheckOutline, mdiFlaskOutline, mdiPinOutline } from "@mdi/js";
import { Chip, Stack, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { T } from "./texts";
import { elapsed, instant, iso } from "./times";

/** Ce que le chemin ne dit pas d'un modèle : si ses poids sont là, ce qu'il est, et depuis quand il en est là. */
export function ModelBadges({ model, now }: { model: Model; now: number }) {
  const { key, artifactsCached, demonstration, pinned, stateSince } = model;
  const passed = elapsed(stateSince, now);
  return (
    <Stack direction="row" useFlexGap spacing={0.75} sx={{ flexWrap: "wrap" }}>
      <Chip
        size="small"
        variant="outlined"
        data-testid={`artifacts-${key}`}
        color={artifactsCached ? "success" : "default"}
        icon={<Icon path={artifactsCached ? mdiDatabaseCheckOutline : mdiCloudDownloadOutline} />}
        label={artifactsCached ? T.badges.cached : T.badges.missing}
      />
      {demonstration && (
        <Chip size="small" variant="outlined" icon={<Icon path={mdiFlaskOutline} />} label={T.badges.demonstration} />
      )}
      {pinned && <Chip size="small" variant="outlined" icon={<Icon path={mdiPinOutline} />} label={T.badges.pinned} />}
      {stateSince && passed && (
        <Typography
          variant="caption"
          component="time"
          color="textSecondary"
          dateTime={iso(stateSince)}
          title={instant(stateSince)}
          sx={{ alignSelf: "center", fontVariantNumeric: "tabular-nums" }}
        >
          {T.since(passed)}
        </Typography>
      )}
    </Stack>
  );
}
