import { mdiCheckboxBlankOutline, mdiCheckboxMarked, mdiChevronDown } from "@mdi/js";
import { Box, Button, FormHelperText, MenuItem, MenuList, Popover, Typography } from "@mui/material";
import { useState } from "react";
import type { Gpu } from "../gen/passerelle/v1/machine_pb";
import type { Model } from "../gen/passerelle/v1/model_pb";
import type { GpuVerdict } from "../gen/passerelle/v1/model_verbs_pb";
import { Icon } from "../shell/Icon";
import { GpuRow } from "./GpuRow";
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
  /** Verdict en une phrase : il change sous les yeux, menu ouvert. */
  summary: string;
  error: string | undefined;
  onChange: (gpus: number[] | undefined) => void;
}

/** Choix des GPU : un menu à cases, qui reste ouvert tant qu'on y coche. */
export function GpuMenu({ gpus, models, chosen, own, help, verdicts, summary, error, onChange }: Props) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
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
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        endIcon={<Icon path={mdiChevronDown} />}
        onClick={(event) => setAnchor(event.currentTarget)}
        data-testid="placement-gpus"
        sx={{ justifyContent: "space-between", textAlign: "left", py: 1 }}
      >
        {chosen.length > 0 ? P.gpu.names(chosen) : P.gpu.none}
      </Button>
      <FormHelperText error={!!error} sx={{ mx: 1.75 }} data-testid="placement-gpus-help">
        {error ?? help}
      </FormHelperText>
      {own && (
        <Button size="small" onClick={() => onChange(undefined)} data-testid="placement-gpus-reset">
          {P.gpu.reset}
        </Button>
      )}
      <Popover
        open={anchor !== null}
        anchorEl={anchor}
        onClose={() => setAnchor(null)}
        anchorOrigin={{ vertical: "bottom", horizontal: "left" }}
        slotProps={{
          paper: { sx: { width: 560, maxWidth: "calc(100vw - 32px)", display: "flex", flexDirection: "column" } },
        }}
      >
        <MenuList autoFocusItem aria-label={P.gpu.menu} data-testid="placement-gpu-menu" sx={{ overflowY: "auto" }}>
          {gpus.map((gpu) => (
            <MenuItem
              key={gpu.index}
              role="menuitemcheckbox"
              aria-checked={chosen.includes(gpu.index)}
              onClick={() => toggle(gpu.index)}
              data-testid={`placement-gpu-${gpu.index}`}
              sx={{ alignItems: "flex-start", gap: 1, py: 1 }}
            >
              <Icon
                path={chosen.includes(gpu.index) ? mdiCheckboxMarked : mdiCheckboxBlankOutline}
                fontSize="small"
                color={chosen.includes(gpu.index) ? "primary" : "action"}
              />
              <GpuRow gpu={gpu} models={models} verdict={verdicts.find((one) => one.index === gpu.index)} />
            </MenuItem>
          ))}
        </MenuList>
        <Box sx={{ display: "flex", alignItems: "center", gap: 2, p: 1.5, borderTop: 1, borderColor: "divider" }}>
          <Typography role="status" variant="body2" sx={{ flexGrow: 1 }} data-testid="placement-menu-summary">
            {summary}
          </Typography>
          <Button size="small" onClick={() => setAnchor(null)} data-testid="placement-menu-done">
            {P.gpu.done}
          </Button>
        </Box>
      </Popover>
    </Box>
  );
}
