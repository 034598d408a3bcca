import { mdiCloudDownloadOutline, mdiDatabaseCheckOutline, mdiFlaskOutline, mdiPinOutline } from "@mdi/js";
import { Chip, Stack } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { StateChip } from "./StateChip";
import { T } from "./texts";

/** L'état d'un modèle, puis ce qui ne dépend pas de lui : si ses poids sont là, ce qu'il est. */
export function ModelBadges({ model, now }: { model: Model; now: number }) {
  const { key, artifactsCached, demonstration, pinned } = model;
  return (
    <Stack direction="row" useFlexGap spacing={0.75} sx={{ flexWrap: "wrap" }}>
      <StateChip model={model} now={now} />
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
    </Stack>
  );
}
