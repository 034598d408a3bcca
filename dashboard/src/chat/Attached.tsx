import { mdiClose, mdiImagePlusOutline } from "@mdi/js";
import { Box, IconButton, Stack, Tooltip } from "@mui/material";
import { useRef } from "react";
import { Icon } from "../shell/Icon";
import type { Image } from "./ask";
import { IMAGE_TYPES } from "./images";
import { Picture } from "./Picture";
import { T } from "./texts";

/** Bouton qui choisit des images. */
export function Attach({ onAttach }: { onAttach: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Tooltip title={T.images.add}>
        <IconButton aria-label={T.images.add} data-testid="chat-attach" onClick={() => input.current?.click()}>
          <Icon path={mdiImagePlusOutline} />
        </IconButton>
      </Tooltip>
      <input
        ref={input}
        type="file"
        accept={IMAGE_TYPES.join(",")}
        multiple
        hidden
        data-testid="chat-files"
        onChange={({ target }) => {
          onAttach([...(target.files ?? [])]);
          // Le même fichier doit pouvoir être choisi encore.
          target.value = "";
        }}
      />
    </>
  );
}

/** Images de la question en cours, chacune avec de quoi la retirer. */
export function Attached({ images, onChange }: { images: Image[]; onChange: (images: Image[]) => void }) {
  if (images.length === 0) return null;
  return (
    <Stack direction="row" spacing={1.5} useFlexGap sx={{ flexWrap: "wrap", pt: 0.5 }}>
      {images.map((image) => (
        <Box key={image.name} sx={{ position: "relative" }}>
          <Picture image={image} side={72} />
          <IconButton
            size="small"
            aria-label={T.images.remove(image.name)}
            data-testid="chat-image-remove"
            onClick={() => onChange(images.filter((one) => one !== image))}
            sx={REMOVE}
          >
            <Icon path={mdiClose} fontSize="small" />
          </IconButton>
        </Box>
      ))}
    </Stack>
  );
}

const REMOVE = {
  position: "absolute",
  top: -8,
  right: -8,
  p: 0.25,
  border: 1,
  borderColor: "divider",
  bgcolor: "background.paper",
  "&:hover": { bgcolor: "background.paper", color: "error.main" },
} as const;
