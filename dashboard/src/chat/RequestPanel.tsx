import { mdiCodeBraces } from "@mdi/js";
import { Box, Button, Stack, Typography } from "@mui/material";
import { type ReactNode, useId, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../shell/Icon";
import { Snippets } from "../snippets/Snippets";
import { thisServer } from "../snippets/sketch";
import { useKeyed } from "../status/useKeyed";
import { type Ask, imagesOf } from "./ask";
import { snippetsOf } from "./snippets";
import { T } from "./texts";

/** Ce que la question en cours couvre du bas de l'écran. */
const COMPOSER_PX = 128;

/** « La requête » : ce que la page a envoyé, dans d'autres langages ; `children` sont les autres actions de la ligne. */
export function RequestPanel({ ask, children }: { ask: Ask; children: ReactNode }) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const panel = useRef<HTMLDivElement>(null);
  // Avant l'affichage : ouverte sous la question en cours, elle ne se verrait pas.
  useLayoutEffect(() => {
    if (open) panel.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  return (
    <Box sx={{ minWidth: 0 }}>
      <Stack
        direction="row"
        spacing={0.5}
        useFlexGap
        sx={{ flexWrap: "wrap", alignItems: "center", color: "text.secondary", px: 0.5 }}
      >
        {children}
        <Button
          size="small"
          color="inherit"
          startIcon={<Icon path={mdiCodeBraces} />}
          title={T.requestHelp}
          aria-expanded={open}
          aria-controls={id}
          data-testid="chat-request"
          onClick={() => setOpen(!open)}
        >
          {T.request}
        </Button>
      </Stack>
      {open && (
        <Box ref={panel} id={id} sx={{ mt: 1, scrollMarginBottom: COMPOSER_PX }}>
          <Written ask={ask} />
        </Box>
      )}
    </Box>
  );
}

function Written({ ask }: { ask: Ask }) {
  const keyed = useKeyed();
  const snippets = useMemo(() => snippetsOf(ask, thisServer(keyed)), [ask, keyed]);
  const names = imagesOf(ask.messages).map(({ name }) => name);
  return (
    <Stack spacing={1}>
      <Typography variant="caption" color="textSecondary">
        {[T.requestOf, names.length > 0 && T.requestFiles(names.join(", "))].filter(Boolean).join(" ")}
      </Typography>
      <Snippets snippets={snippets} />
    </Stack>
  );
}
