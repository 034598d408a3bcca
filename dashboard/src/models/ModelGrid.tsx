import { timestampMs } from "@bufbuild/protobuf/wkt";
import { mdiMagnify } from "@mdi/js";
import { Box, InputAdornment, Stack, TextField, Typography } from "@mui/material";
import { useSearchParams } from "wouter";
import { CAPABILITIES } from "../fr";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { useCapabilities } from "../status/useCapabilities";
import { grouped, matching } from "./listing";
import { ModelCard } from "./ModelCard";
import { T } from "./texts";

/** Au-delà, les cartes sont rangées par capacité, et se cherchent. */
const FEW = 3;
const COLUMNS = {
  display: "grid",
  gap: 2,
  gridTemplateColumns: {
    xs: "minmax(0, 1fr)",
    md: "repeat(2, minmax(0, 1fr))",
    xl: "repeat(3, minmax(0, 1fr))",
  },
};

/** Une carte par modèle du profil, dans son ordre ; nombreuses, par capacité, et filtrées par ce que porte l'adresse. */
export function ModelGrid({ status }: { status: Status | undefined }) {
  const [params, setParams] = useSearchParams();
  const models = status?.models ?? [];
  const many = models.length > FEW;
  const wanted = many ? (params.get("cherche") ?? "") : "";
  const found = matching(models, wanted);
  const sleepers = useCapabilities().known?.models.filter(({ features }) => features.includes("sleep"));
  // L'heure du serveur : celle du navigateur peut être fausse.
  const now = status?.observedAt ? timestampMs(status.observedAt) / 1000 : 0;
  const cards = (shown: Model[]) => (
    <Box data-testid="model-grid" sx={COLUMNS}>
      {shown.map((model) => (
        <ModelCard
          key={model.key}
          model={model}
          now={now}
          sleeps={sleepers?.some(({ key }) => key === model.key) ?? false}
        />
      ))}
    </Box>
  );
  return (
    <Box component="section" aria-labelledby="models-title" aria-busy={!status}>
      <Stack direction="row" useFlexGap sx={{ flexWrap: "wrap", gap: 1.5, alignItems: "center", mb: 1.5 }}>
        <Typography id="models-title" variant="h2" sx={{ flexGrow: 1 }}>
          {T.title}
        </Typography>
        {many && (
          <TextField
            size="small"
            type="search"
            value={wanted}
            onChange={(event) =>
              setParams(event.target.value ? { cherche: event.target.value } : {}, { replace: true })
            }
            placeholder={T.search}
            slotProps={{
              htmlInput: { "aria-label": T.search, "data-testid": "model-search" },
              input: {
                startAdornment: (
                  <InputAdornment position="start">
                    <Icon path={mdiMagnify} fontSize="small" />
                  </InputAdornment>
                ),
              },
            }}
          />
        )}
      </Stack>
      {!status && <StatusSkeleton height={360} />}
      {status && found.length === 0 && (
        <Typography role="status" color="textSecondary">
          {models.length > 0 ? T.notFound(wanted) : T.none}
        </Typography>
      )}
      {many
        ? grouped(found).map(([capability, group]) => (
            <Box key={capability} component="section" aria-labelledby={`models-${capability}`} sx={{ mb: 3 }}>
              <Typography id={`models-${capability}`} variant="h3" color="textSecondary" sx={{ mb: 1 }}>
                {T.group(CAPABILITIES[capability], group.length)}
              </Typography>
              {cards(group)}
            </Box>
          ))
        : found.length > 0 && cards(found)}
    </Box>
  );
}
