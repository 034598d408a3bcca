import { AppBar, Box, Stack, Toolbar, Typography } from "@mui/material";
import { OperationStrip } from "../activity/OperationStrip";
import { T as ALL } from "../fr";
import { LinkAlert } from "../status/LinkAlert";
import { useServer } from "../status/StatusProvider";
import { UpdateAlert } from "../status/UpdateAlert";
import { versionOf } from "../status/useUpdate";
import { KeyButton } from "./KeyButton";
import { Hint, Tag } from "./kit";
import { PAGE_WIDTH, SIDE_WIDTH } from "./layout";
import { SchemeMenu } from "./SchemeMenu";
import { SkipLink } from "./Shell";
import { T } from "./texts";

// Par-dessus le contenu, dans la marge qui le sépare de l'en-tête : ce qui s'y dit ne déplace rien sous le doigt.
const BELOW = { position: "absolute", top: "100%", left: 0, right: 0, pointerEvents: "none" } as const;
// Le menu reste sous la main.
const BESIDE = { width: "100%", maxWidth: PAGE_WIDTH, mx: "auto", pl: { md: `${SIDE_WIDTH}px` } } as const;

/** Titre, profil, version, apparence, clé d'accès, ce que le serveur est en train de faire, et l'état du lien. */
export function Header() {
  const { status, config } = useServer();
  const profile = status?.profile ?? config?.profile;
  const version = (status && versionOf(status)) ?? config?.version;
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
        borderBottom: 1,
        borderColor: "divider",
        backgroundColor: "color-mix(in srgb, var(--mui-palette-background-default) 88%, transparent)",
      }}
    >
      <SkipLink />
      <Toolbar sx={{ gap: { xs: 1, sm: 2 }, py: 1 }}>
        <Box component="img" src="/favicon.svg" alt="" sx={{ width: 36, height: 36, flexShrink: 0 }} />
        <Box sx={{ flexGrow: 1, minWidth: 0 }}>
          <Typography variant="h1" noWrap sx={{ fontSize: { xs: "1.3rem", sm: "1.75rem" } }}>
            {ALL.title}
          </Typography>
          <Hint noWrap sx={{ display: { xs: "none", sm: "block" } }}>
            {T.subtitle}
          </Hint>
        </Box>
        <Stack direction="row" spacing={1} sx={{ display: { xs: "none", md: "flex" } }}>
          {profile && <Tag label={T.profile(profile)} />}
          {version && <Tag label={T.version(version)} />}
        </Stack>
        <SchemeMenu />
        <KeyButton required={keyRequired} />
      </Toolbar>
      <Box sx={BELOW}>
        <OperationStrip />
        <Box sx={BESIDE}>
          <LinkAlert />
          <UpdateAlert />
        </Box>
      </Box>
    </AppBar>
  );
}
