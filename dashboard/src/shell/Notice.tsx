import { Alert } from "@mui/material";

/** Avertissement du profil ; rien s'il n'y en a pas. */
export function Notice({ profile }: { profile: string | undefined }) {
  if (!profile) return null;
  return (
    <Alert severity="info" variant="outlined" data-testid="notice" sx={{ bgcolor: "background.paper" }}>
      {profile}
    </Alert>
  );
}
