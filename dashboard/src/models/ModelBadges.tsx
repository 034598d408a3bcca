import { mdiCloudDownloadOutline, mdiDatabaseCheckOutline, mdiFlaskOutline, mdiPinOutline } from "@mdi/js";
import { Chip, Stack } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/admin_pb";
import { Icon } from "../shell/Icon";
import { T } from "./texts";

/** Ce qui est vrai d'un modèle quel que soit son état ; d'abord si ses poids sont là. */
export function ModelBadges({ model }: { model: Model }) {
  const { key, artifactsCached, demonstration, pinned } = model;
  return (
    <Stack direction="row" useFlexGap spacing={0.75} sx={{ flexWrap: "wrap" }}>
      <Chip
        size="small"
        variant="outlined"
        role="status"
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
