import { AppBar, Box, Chip, Stack, Toolbar, Typography } from "@mui/material";
import { T } from "../fr";
import { useServer } from "../status/StatusProvider";
import { KeyField } from "./KeyField";

/** Titre, profil, version, et la clé d'accès. */
export function Header() {
  const { status, config } = useServer();
  const profile = status?.profile ?? config?.profile;
  const version = status?.version ?? config?.version;
  const keyRequired = status ? status.apiKeyRequired || status.adminKeyRequired : (config?.api_key_required ?? false);
  return (
    <AppBar
      component="header"
      position="sticky"
      color="transparent"
      elevation={0}
      // Ce qui défile dessous ne doit pas brouiller ce qu'on y lit.
      sx={{
        backdropFilter: "blur(12px)",
        backgroundColor: "color-mix(in srgb, var(--mui-palette-background-default) 88%, transparent)",
      }}
    >
      <Toolbar sx={{ gap: 2, flexWrap: "wrap", py: 1 }}>
        <Box component="img" src="/favicon.svg" alt="" sx={{ width: 36, height: 36 }} />
        <Box sx={{ flexGrow: 1, minWidth: 0 }}>
          <Typography variant="h1">{T.title}</Typography>
          <Typography variant="caption" color="textSecondary" sx={{ display: { xs: "none", sm: "block" } }}>
            {T.subtitle}
          </Typography>
        </Box>
        <Stack direction="row" spacing={1} sx={{ display: { xs: "none", sm: "flex" } }}>
          {profile && <Chip size="small" variant="outlined" label={T.profile(profile)} />}
          {version && <Chip size="small" variant="outlined" label={T.version(version)} />}
        </Stack>
        <KeyField required={keyRequired} />
      </Toolbar>
    </AppBar>
  );
}
