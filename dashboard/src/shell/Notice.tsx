import { Alert } from "@mui/material";

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
      {profile}
    </Alert>
  );
}
