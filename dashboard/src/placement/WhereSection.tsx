import { mdiAlertOutline, mdiChevronDown, mdiChevronUp } from "@mdi/js";
import { Box, Button, Checkbox, FormHelperText, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { memory } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { StackBar } from "../machine/StackBar";
import { gpuParts } from "../machine/stacks";
import { isLoaded } from "../models/model";
import { Act, Field, Hint, Icon, Part } from "../shell/kit";
import { chosenGpus } from "./order";
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
        <Part title={P.gpu.title} variant="h3">
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
        </Part>
      )}
      <Field
        type="number"
        label={P.replicas.label}
        value={draft.replicas ?? replicas}
        fault={faults.replicas}
        help={`${layout}. ${P.replicas.explained}`}
        onText={(text) => change({ replicas: text })}
        html={{ min: 1 }}
        testId="placement-replicas"
      />
    </Stack>
  );
}

interface GpuMenuProps {
  gpus: Gpu[];
  models: Model[];
  chosen: number[];
  /** Vrai quand une personne a choisi, faux quand c'est le serveur. */
  own: boolean;
  /** D'où vient le choix. */
  help: string;
  verdicts: GpuVerdict[];
  error: string | undefined;
  onChange: (gpus: number[] | undefined) => void;
}

/** Choix des GPU : des cases qui se déplient dans la boîte, sans rien couvrir du verdict qu'elles commandent. */
export function GpuMenu({ gpus, models, chosen, own, help, verdicts, error, onChange }: GpuMenuProps) {
  const [open, setOpen] = useState(false);
  const toggle = (index: number) => {
    const next = chosen.includes(index) ? chosen.filter((one) => one !== index) : [...chosen, index];
    onChange(next.sort((a, b) => a - b));
  };
  return (
    <Box>
      <Button
        variant="outlined"
        color={error ? "error" : "primary"}
        fullWidth
        aria-expanded={open}
        endIcon={<Icon path={open ? mdiChevronUp : mdiChevronDown} />}
        onClick={() => setOpen(!open)}
        data-testid="placement-gpus"
        sx={{ justifyContent: "space-between", textAlign: "left", py: 1 }}
      >
        {chosen.length > 0 ? P.gpu.names(chosen) : P.gpu.none}
      </Button>
      {open && (
        <Box role="group" aria-label={P.gpu.menu} data-testid="placement-gpu-menu" sx={{ mt: 1 }}>
          {gpus.map((gpu) => (
            <Box
              key={gpu.index}
              component="label"
              data-testid={`placement-gpu-${gpu.index}`}
              sx={{ display: "flex", gap: 0.5, py: 0.75, cursor: "pointer" }}
            >
              <Checkbox
                size="small"
                checked={chosen.includes(gpu.index)}
                onChange={() => toggle(gpu.index)}
                sx={{ alignSelf: "flex-start", p: 0.5 }}
              />
              <Row gpu={gpu} models={models} verdict={verdicts.find((one) => one.index === gpu.index)} />
            </Box>
          ))}
        </Box>
      )}
      <FormHelperText error={!!error} sx={{ mx: 1.75 }} data-testid="placement-gpus-help">
        {error ?? help}
      </FormHelperText>
      {own && <Act label={P.gpu.reset} onClick={() => onChange(undefined)} testId="placement-gpus-reset" />}
    </Box>
  );
}

/** Un GPU : son nom, ce qu'on peut y prendre, qui le tient, ce qui cloche. */
function Row({ gpu, models, verdict }: { gpu: Gpu; models: Model[]; verdict: GpuVerdict | undefined }) {
  const parts = gpuParts(gpu);
  const wrong = gpu.dirty ? gpu.dirtyReason : verdict && !verdict.fits ? verdict.reason : "";
  return (
    <Box sx={{ flexGrow: 1, minWidth: 0 }}>
      <Stack direction="row" useFlexGap sx={{ flexWrap: "wrap", columnGap: 1, alignItems: "baseline", mb: 0.5 }}>
        <Typography variant="body2" sx={{ fontWeight: 600 }}>
          {P.gpu.name(gpu.index)}
        </Typography>
        <Hint sx={{ flexGrow: 1 }}>{gpu.name}</Hint>
        <Typography variant="caption">{P.gpu.available(memory(gpu.availableBytes), memory(gpu.totalBytes))}</Typography>
      </Stack>
      <StackBar parts={parts} label={P.gpu.name(gpu.index)} format={memory} models={models} named="taken" />
      {parts.every(({ kind }) => kind === "free") && <Hint>{P.gpu.free}</Hint>}
      {wrong && (
        <Stack direction="row" spacing={0.5} sx={{ mt: 0.5 }}>
          <Icon path={mdiAlertOutline} fontSize="small" color="error" />
          <Typography variant="caption">{wrong}</Typography>
        </Stack>
      )}
    </Box>
  );
}
