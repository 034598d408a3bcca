import { Alert } from "@mui/material";
import { french } from "../typography";
import { T } from "./texts";

/** Un serveur sans clé le dit, sur toutes les pages. */
export function OpenNotice({ keyed }: { keyed: boolean | undefined }) {
  if (keyed !== false) return null;
  return (
    <Alert severity="warning" variant="outlined" data-testid="open-notice" sx={{ py: 0.25, color: "text.primary" }}>
      {T.key.open}
    </Alert>
  );
}

/** Avertissement du profil ; rien s'il n'y en a pas. */
export function Notice({ profile }: { profile: string | undefined }) {
  if (!profile) return null;
  return (
    <Alert
      severity="info"
      variant="outlined"
      data-testid="notice"
      sx={{ py: 0.25, bgcolor: "background.paper", borderColor: "divider", color: "text.primary" }}
    >
      {french(profile)}
    </Alert>
  );
}
