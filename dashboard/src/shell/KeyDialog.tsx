import {
  Button,
  Checkbox,
  Dialog,
  DialogActions,
  DialogContent,
  DialogTitle,
  FormControlLabel,
  FormHelperText,
  Stack,
  Typography,
} from "@mui/material";
import { type FormEvent, useState } from "react";
import { accessKey, isKeyRemembered, isPortableKey, setAccessKey } from "../api/accessKey";
import { canRetain } from "../api/storage";
import { useKeyed, useServer } from "../status/StatusProvider";
import { useAccess } from "./AccessProvider";
import { KeyInput } from "./KeyInput";
import { KeyVerdict } from "./KeyVerdict";
import { T } from "./texts";

/** Donner la clé, choisir où elle est retenue, et lire ce que le serveur en dit. */
export function KeyDialog({ onClose }: { onClose: () => void }) {
  const { status } = useServer();
  const inference = useKeyed();
  const { key, verdict } = useAccess();
  const [typed, setTyped] = useState(accessKey);
  const [remember, setRemember] = useState(isKeyRemembered);
  const [memory] = useState(() => canRetain("localStorage"));
  const wanted = typed.trim();
  const malformed = !isPortableKey(wanted);
  const refused = verdict.state === "refused" && wanted === key ? T.key.refused(verdict.reason) : undefined;
  const needs = inference ? T.key.needs.both : status?.adminKeyRequired ? T.key.needs.admin : T.key.needs.none;

  function use(event: FormEvent) {
    event.preventDefault();
    if (!malformed) setAccessKey(wanted, remember);
  }

  return (
    <Dialog open onClose={onClose} fullWidth maxWidth="xs" aria-labelledby="key-title" data-testid="key-dialog">
      <form onSubmit={use} noValidate>
        <DialogTitle id="key-title">{T.key.title}</DialogTitle>
        <DialogContent>
          <Stack spacing={2}>
            <Typography variant="body2" color="textSecondary" data-testid="key-needs">
              {needs}
            </Typography>
            <KeyInput value={typed} onChange={setTyped} error={malformed ? T.key.malformed : refused} />
            <div>
              <FormControlLabel
                control={<Checkbox checked={remember && memory} onChange={(_, checked) => setRemember(checked)} />}
                label={T.key.remember}
                disabled={!memory}
                data-testid="key-remember"
              />
              <FormHelperText sx={{ mt: 0, ml: 4 }} data-testid="key-memory">
                {memory ? T.key.rememberHelp : T.key.cannotRemember}
              </FormHelperText>
            </div>
            {key !== "" && wanted === key && <KeyVerdict required={needs !== T.key.needs.none} />}
          </Stack>
        </DialogContent>
        <DialogActions sx={{ px: 3, pb: 2.5, flexWrap: "wrap", gap: 1 }}>
          {key && (
            <Button
              color="inherit"
              data-testid="key-forget"
              sx={{ mr: "auto" }}
              onClick={() => {
                setAccessKey("");
                setTyped("");
              }}
            >
              {T.key.forget}
            </Button>
          )}
          <Button color="inherit" onClick={onClose} data-testid="key-close">
            {T.key.close}
          </Button>
          <Button type="submit" variant="contained" disabled={!wanted || malformed} data-testid="key-use">
            {T.key.use}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
