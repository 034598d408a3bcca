import { Box, Stack, TextField, Typography } from "@mui/material";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { GpuMenu } from "./GpuMenu";
import { chosenGpus, isLoaded } from "./order";
import { P } from "./texts";
import type { Placement } from "./usePlacement";

interface Props {
  model: Model;
  models: Model[];
  gpus: Gpu[];
  placement: Placement;
}

/** Sur quels GPU, et en combien d'exemplaires. */
export function WhereSection({ model, models, gpus, placement }: Props) {
  const { draft, change, faults, foreseen } = placement;
  const replicas = foreseen?.replicas ?? model.selectedReplicas;
  const layout = P.replicas.layout(replicas, foreseen?.gpusPerReplica ?? model.gpusPerReplica);
  return (
    <Stack spacing={3}>
      {model.gpusPerReplica > 0 && (
        <Box component="section" aria-labelledby="placement-gpu-title">
          <Typography id="placement-gpu-title" variant="h3" sx={{ mb: 1 }}>
            {P.gpu.title}
          </Typography>
          <GpuMenu
            gpus={gpus}
            models={models}
            chosen={chosenGpus(model, draft, foreseen)}
            own={draft.gpus !== undefined}
            help={draft.gpus ? P.gpu.chosen : isLoaded(model) ? P.gpu.held : P.gpu.retained}
            verdicts={foreseen?.gpus ?? []}
            error={faults.gpus}
            // Autant d'exemplaires que les GPU cochés en logent : le serveur les compte.
            onChange={(chosen) => change({ gpus: chosen, replicas: undefined })}
          />
        </Box>
      )}
      <TextField
        size="small"
        type="number"
        label={P.replicas.label}
        value={draft.replicas ?? replicas}
        error={!!faults.replicas}
        helperText={faults.replicas ?? `${layout}. ${P.replicas.explained}`}
        onChange={(event) => change({ replicas: event.target.value })}
        slotProps={{ htmlInput: { min: 1, "data-testid": "placement-replicas" } }}
      />
    </Stack>
  );
}
