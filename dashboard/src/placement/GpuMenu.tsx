import { mdiAlertOutline, mdiChevronDown, mdiChevronUp } from "@mdi/js";
import { Box, Button, Checkbox, FormHelperText, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { memory } from "../format";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { StackBar } from "../machine/StackBar";
import { gpuParts } from "../machine/stacks";
import { Icon } from "../shell/Icon";
import { P } from "./texts";

interface Props {
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
export function GpuMenu({ gpus, models, chosen, own, help, verdicts, error, onChange }: Props) {
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
      {own && (
        <Button size="small" onClick={() => onChange(undefined)} data-testid="placement-gpus-reset">
          {P.gpu.reset}
        </Button>
      )}
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
        <Typography variant="caption" color="textSecondary" sx={{ flexGrow: 1 }}>
          {gpu.name}
        </Typography>
        <Typography variant="caption" sx={{ fontVariantNumeric: "tabular-nums" }}>
          {P.gpu.available(memory(gpu.availableBytes), memory(gpu.totalBytes))}
        </Typography>
      </Stack>
      <StackBar parts={parts} label={P.gpu.name(gpu.index)} format={memory} models={models} named="taken" />
      {parts.every(({ kind }) => kind === "free") && (
        <Typography variant="caption" color="textSecondary">
          {P.gpu.free}
        </Typography>
      )}
      {wrong && (
        <Stack direction="row" spacing={0.5} sx={{ mt: 0.5 }}>
          <Icon path={mdiAlertOutline} fontSize="small" color="error" />
          <Typography variant="caption">{wrong}</Typography>
        </Stack>
      )}
    </Box>
  );
}
