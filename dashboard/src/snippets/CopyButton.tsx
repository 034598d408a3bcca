import { mdiAlertOutline, mdiCheck, mdiContentCopy } from "@mdi/js";
import { IconButton, Tooltip } from "@mui/material";
import { type RefObject, useEffect, useState } from "react";
import { Act, Icon, Spoken } from "../shell/kit";
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
        <Act label={said ?? T.copy} icon={path} {...common} sx={{ flexShrink: 0 }} />
      )}
      <Spoken>{said}</Spoken>
    </>
  );
}

/** Ce qu'une copie a donné : dans le presse-papiers, seulement sélectionné, ou rien. */
export type Copied = "copied" | "selected" | "failed";

/**
 * Copie `text`, aussi en HTTP simple, où `navigator.clipboard` n'existe pas.
 *
 * Quand le navigateur refuse tout, sélectionne `shown`, l'élément qui montre ce texte : la personne fait Ctrl+C.
 */
export async function copyText(text: string, shown?: Element | null): Promise<Copied> {
  try {
    // Absent hors d'un contexte sûr ; présent, il peut encore être refusé par la personne ou par une politique.
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    if (copyBySelection(text)) return "copied";
  }
  if (!shown) return "failed";
  getSelection()?.selectAllChildren(shown);
  return "selected";
}

function copyBySelection(text: string): boolean {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.value = text;
  area.readOnly = true;
  area.tabIndex = -1;
  Object.assign(area.style, { position: "fixed", top: "0", opacity: "0", pointerEvents: "none" });
  // Une boîte de dialogue retient le curseur : le champ doit y être pour se laisser sélectionner.
  (focused?.closest('[role="dialog"]') ?? document.body).append(area);
  try {
    area.focus({ preventScroll: true });
    area.select();
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
    if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  }
}
