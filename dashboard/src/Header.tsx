import { Box, Stack, Typography } from "@mui/material";
import { T } from "./fr";
import { KeyField } from "./KeyField";

/** Titre, profil, version, et la clé d'accès. */
export function Header(props: { profile: string | undefined; version: string | undefined; keyRequired: boolean }) {
  const facts = [props.profile && T.profile(props.profile), props.version && T.version(props.version)];
  return (
    <Stack
      component="header"
      direction={{ xs: "column", sm: "row" }}
      spacing={2}
      sx={{ justifyContent: "space-between", alignItems: { sm: "center" } }}
    >
      <Stack direction="row" spacing={2} sx={{ alignItems: "center" }}>
        <Box component="img" src="/favicon.svg" alt="" sx={{ width: 48, height: 48 }} />
        <Box>
          <Typography variant="h1">{T.title}</Typography>
          <Typography color="textSecondary">{T.subtitle}</Typography>
          <Typography variant="caption" color="textSecondary">
            {facts.filter(Boolean).join(" · ")}
          </Typography>
        </Box>
      </Stack>
      <KeyField required={props.keyRequired} />
    </Stack>
  );
}
