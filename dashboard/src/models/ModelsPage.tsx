import { timestampMs } from "@bufbuild/protobuf/wkt";
import { mdiMagnify } from "@mdi/js";
import { Box, InputAdornment, Stack, Typography } from "@mui/material";
import { CAPABILITIES } from "../fr";
import type { Status } from "../gen/passerelle/v1/admin_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { MachinePanel } from "../machine/MachinePanel";
import { CARDS, Field, Icon } from "../shell/kit";
import { useQuery } from "../shell/useQuery";
import { useCapabilities, useServer } from "../status/StatusProvider";
import { StatusSkeleton } from "../status/StatusSkeleton";
import { ModelCard } from "./ModelCard";
import { grouped, matching } from "./model";
import { T } from "./texts";

/** L'accueil : les modèles, et la machine à côté quand l'écran est assez large. */
export function ModelsPage() {
  const { status } = useServer();
  return (
    <Box sx={{ display: "grid", gap: 3, gridTemplateColumns: { xs: "minmax(0, 1fr)", xl: "minmax(0, 1fr) 300px" } }}>
      <ModelGrid status={status} />
      <MachinePanel />
    </Box>
  );
}

/** Au-delà, les cartes sont rangées par capacité, et se cherchent. */
const FEW = 3;
/** Une carte par modèle du profil, dans son ordre ; nombreuses, par capacité, et filtrées par ce que porte l'adresse. */
export function ModelGrid({ status }: { status: Status | undefined }) {
  const { get, set } = useQuery();
  const models = status?.models ?? [];
  const many = models.length > FEW;
  const wanted = many ? get("cherche") : "";
  const found = matching(models, wanted);
  const sleepers = useCapabilities().known?.models.filter(({ features }) => features.includes("sleep"));
  // L'heure du serveur : celle du navigateur peut être fausse.
  const now = status?.observedAt ? timestampMs(status.observedAt) / 1000 : 0;
  const cards = (shown: Model[]) => (
    <Box data-testid="model-grid" sx={CARDS}>
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
          <Field
            type="search"
            value={wanted}
            onText={(text) => set("cherche", text)}
            placeholder={T.search}
            html={{ "aria-label": T.search }}
            testId="model-search"
            slotProps={{
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
