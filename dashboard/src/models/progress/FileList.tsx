import { mdiChevronDown } from "@mdi/js";
import { Box, Button, Collapse, LinearProgress, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { memory, percent } from "../../format";
import type { FileProgress } from "../../gen/passerelle/v1/operation_pb";
import { Icon } from "../../shell/Icon";
import { T } from "../texts";

/** L'avancement fichier par fichier, déplié à la demande. */
export function FileList({ files, model }: { files: FileProgress[]; model: string }) {
  const [open, setOpen] = useState(false);
  const list = `files-${model}`;
  return (
    <Box sx={{ mt: 0.5 }}>
      <Button
        size="small"
        color="inherit"
        aria-expanded={open}
        aria-controls={list}
        data-testid={`progress-files-${model}`}
        onClick={() => setOpen(!open)}
        endIcon={<Icon path={mdiChevronDown} sx={{ transform: open ? "rotate(180deg)" : "none" }} />}
        sx={{ ml: -0.5 }}
      >
        {T.progress.files(files.length)}
      </Button>
      <Collapse in={open} unmountOnExit id={list}>
        <Stack
          component="ul"
          spacing={1}
          // Défile au clavier : un dépôt peut avoir des centaines de fichiers.
          tabIndex={0}
          aria-label={T.progress.files(files.length)}
          sx={{ listStyle: "none", p: 0, m: 0, mt: 0.5, maxHeight: 220, overflowY: "auto" }}
        >
          {files.map((file) => (
            <File key={file.name} file={file} />
          ))}
        </Stack>
      </Collapse>
    </Box>
  );
}

function File({ file: { name, completedBytes, totalBytes } }: { file: FileProgress }) {
  const done = totalBytes === 0 ? 100 : (percent(completedBytes, totalBytes) ?? 0);
  const count = T.progress.bytes(memory(completedBytes), memory(totalBytes));
  return (
    <Box component="li" data-testid="progress-file">
      <Stack direction="row" spacing={1} sx={{ justifyContent: "space-between" }}>
        <Typography variant="caption" noWrap title={name} sx={{ minWidth: 0 }}>
          {name}
        </Typography>
        <Typography
          variant="caption"
          color="textSecondary"
          noWrap
          sx={{ flexShrink: 0, fontVariantNumeric: "tabular-nums" }}
        >
          {count}
        </Typography>
      </Stack>
      <LinearProgress
        variant="determinate"
        value={Math.floor(done)}
        aria-label={name}
        aria-valuetext={count}
        sx={{ height: 4, borderRadius: 1 }}
      />
    </Box>
  );
}
