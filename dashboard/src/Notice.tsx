import { Alert, AlertTitle } from "@mui/material";

/** Avertissements du modèle de conversation et du profil ; rien s'il n'y en a pas. */
export function Notice({ model, profile }: { model: string | undefined; profile: string | undefined }) {
  if (!model && !profile) return null;
  return (
    <Alert severity="info" variant="outlined" data-testid="notice" sx={{ bgcolor: "background.paper" }}>
      {model && <AlertTitle>{model}</AlertTitle>}
      {profile}
    </Alert>
  );
}
