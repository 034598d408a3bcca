import { Alert, Snackbar } from "@mui/material";
import { useEffect, useRef, useState } from "react";

import type { Model } from "../gen/passerelle/v1/admin_pb";
import { type Outcome, outcomeOf } from "./outcome";
import { T } from "./texts";

const SHOWN_MS = 5_000;

/** Annonce la fin de chaque opération, d'où qu'elle ait été demandée. */
export function OutcomeBar({ models }: { models: Model[] }) {
  const known = useRef(new Map<string, Model>());
  const [outcome, setOutcome] = useState<Outcome>();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    for (const model of models) {
      const before = known.current.get(model.key);
      const found = before && outcomeOf(before, model);
      if (found) {
        setOutcome(found);
        setOpen(true);
      }
      known.current.set(model.key, model);
    }
  }, [models]);
  return (
    <Snackbar
      key={outcome?.text}
      open={open}
      // En bas, au-dessus du menu d'un téléphone : en haut, elle couvrirait le bouton qui ferme un dialogue.
      anchorOrigin={{ vertical: "bottom", horizontal: "center" }}
      // Ce qu'elle couvre reste à portée de clic : elle n'en prend que sur son propre bouton.
      sx={{ bottom: { xs: 80, md: 24 }, pointerEvents: "none", "& button": { pointerEvents: "auto" } }}
      autoHideDuration={SHOWN_MS}
      onClose={(_, reason) => reason !== "clickaway" && setOpen(false)}
    >
      <Alert
        severity={outcome?.severity ?? "info"}
        elevation={6}
        onClose={() => setOpen(false)}
        closeText={T.actions.close}
        data-testid="outcome"
      >
        {outcome?.text}
      </Alert>
    </Snackbar>
  );
}
