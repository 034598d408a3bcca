import { mdiAlertOutline, mdiCheck, mdiContentCopy } from "@mdi/js";
import { Button, IconButton, Tooltip } from "@mui/material";
import { type RefObject, useEffect, useState } from "react";
import { Icon } from "../shell/Icon";
import { Spoken } from "../shell/Spoken";
import { type Copied, copyText } from "./copyText";
import { T } from "./texts";

const SHOWN_MS = 4_000;

interface Props {
  text: string;
  /** Ce qui est copié, pour un lecteur d'écran ; par exemple « Copier l'adresse de la conversation ». */
  label?: string;
  /** Élément qui montre ce texte, sélectionné si la copie est impossible. */
  shown?: RefObject<Element | null>;
  /** Sans libellé visible, pour une ligne serrée. */
  compact?: boolean;
  testId?: string;
}

/** Bouton qui copie un texte, et dit ce que cela a donné. */
export function CopyButton({ text, label = T.copy, shown, compact = false, testId = "copy" }: Props) {
  const [copied, setCopied] = useState<Copied>();
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(undefined), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const said = copied && T[copied];
  const path = copied ? (copied === "copied" ? mdiCheck : mdiAlertOutline) : mdiContentCopy;
  const common = {
    size: "small",
    // Le libellé visible change après la copie : le nom du bouton doit le suivre.
    "aria-label": compact || !said ? label : said,
    "data-testid": testId,
    onClick: () => void copyText(text, shown?.current).then(setCopied),
  } as const;
  return (
    <>
      {compact ? (
        <Tooltip
          title={said ?? label}
          open={over || said !== undefined}
          onOpen={() => setOver(true)}
          onClose={() => setOver(false)}
        >
          <IconButton {...common}>
            <Icon path={path} fontSize="small" />
          </IconButton>
        </Tooltip>
      ) : (
        <Button {...common} startIcon={<Icon path={path} />} sx={{ flexShrink: 0 }}>
          {said ?? T.copy}
        </Button>
      )}
      <Spoken>{said}</Spoken>
    </>
  );
}
