import { mdiDotsHorizontal, mdiFlaskOutline } from "@mdi/js";
import {
  Box,
  List,
  ListItemButton,
  ListItemIcon,
  ListItemText,
  ListSubheader,
  Menu,
  MenuItem,
  Paper,
} from "@mui/material";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { Icon } from "./kit";
import { GUTTER, SIDE_WIDTH } from "./layout";
import { PageIcon } from "./PageIcon";
import { PAGES, type Page } from "./pages";
import { T } from "./texts";

/** Menu : une colonne à gauche sur un écran large, une barre en bas sur un téléphone. */
export function Navigation() {
  return (
    <>
      <Side />
      <Bottom />
    </>
  );
}

function Side() {
  const plain = PAGES.filter((page) => !page.trial);
  const [first, rest] = [plain.slice(0, 2), plain.slice(2)];
  return (
    <Box
      component="nav"
      aria-label={T.menu}
      sx={{ display: { xs: "none", md: "block" }, width: SIDE_WIDTH, flexShrink: 0, pl: 2, pt: GUTTER }}
    >
      <List component="div" dense sx={{ position: "sticky", top: 104 }}>
        {first.map((page) => (
          <Entry key={page.path} page={page} />
        ))}
        <ListSubheader component="div" sx={{ bgcolor: "transparent", lineHeight: 3 }}>
          {T.trial}
        </ListSubheader>
        {PAGES.filter((page) => page.trial).map((page) => (
          <Entry key={page.path} page={page} />
        ))}
        <ListSubheader component="div" sx={{ bgcolor: "transparent", lineHeight: 3 }}>
          {T.server}
        </ListSubheader>
        {rest.map((page) => (
          <Entry key={page.path} page={page} />
        ))}
      </List>
    </Box>
  );
}

function Entry({ page }: { page: Page }) {
  const [path] = useLocation();
  const here = path === page.path;
  return (
    <ListItemButton
      component={Link}
      href={page.path}
      selected={here}
      aria-current={here ? "page" : undefined}
      data-testid={`nav-${page.path}`}
      sx={{ borderRadius: 2, mb: 0.25 }}
    >
      <ListItemIcon sx={{ minWidth: 36, color: here ? "primary.main" : "inherit" }}>
        <PageIcon path={page.path} icon={page.icon} />
      </ListItemIcon>
      <ListItemText primary={page.label} />
    </ListItemButton>
  );
}

function Bottom() {
  const [path] = useLocation();
  const trials = PAGES.filter((page) => page.trial);
  const tucked = PAGES.filter((page) => page.tucked);
  // Un mur d'écrans n'est pas pour un téléphone : la page « Machine » y mène.
  const plain = PAGES.filter((page) => !page.trial && !page.tucked && !page.alone);
  return (
    <Paper
      component="nav"
      aria-label={T.menu}
      square
      elevation={8}
      sx={{
        display: { xs: "flex", md: "none" },
        position: "fixed",
        bottom: 0,
        left: 0,
        right: 0,
        zIndex: "appBar",
        justifyContent: "space-around",
      }}
    >
      {plain.slice(0, 2).map((page) => (
        <PageTab key={page.path} page={page} here={path === page.path} />
      ))}
      <MenuTab label={T.trial} icon={mdiFlaskOutline} pages={trials} />
      {plain.slice(2).map((page) => (
        <PageTab key={page.path} page={page} here={path === page.path} />
      ))}
      <MenuTab label={T.more} icon={mdiDotsHorizontal} pages={tucked} />
    </Paper>
  );
}

/** Plusieurs pages sous un même bouton. */
function MenuTab({ label, icon, pages }: { label: string; icon: string; pages: Page[] }) {
  const [path] = useLocation();
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const close = () => setAnchor(null);
  return (
    <>
      <Tab
        label={label}
        icon={icon}
        here={pages.some((page) => page.path === path)}
        onClick={(event) => setAnchor(event.currentTarget)}
      />
      <Menu anchorEl={anchor} open={anchor !== null} onClose={close}>
        {pages.map((page) => (
          <MenuItem key={page.path} component={Link} href={page.path} onClick={close}>
            <ListItemIcon>
              <Icon path={page.icon} fontSize="small" />
            </ListItemIcon>
            {page.label}
          </MenuItem>
        ))}
      </Menu>
    </>
  );
}

function PageTab({ page: { path, label, short, icon }, here }: { page: Page; here: boolean }) {
  return <Tab label={short ?? label} name={short && label} icon={icon} here={here} href={path} />;
}

interface TabProps {
  label: string;
  /** Nom entier, si le libellé l'abrège. */
  name?: string | undefined;
  icon: string;
  here: boolean;
  href?: string;
  onClick?: (event: React.MouseEvent<HTMLElement>) => void;
}

function Tab({ label, name, icon, here, href, onClick }: TabProps) {
  const look = {
    flexDirection: "column",
    flex: 1,
    minWidth: 0,
    px: 0.25,
    py: 0.75,
    fontSize: 11,
    textAlign: "center",
    color: here ? "primary.main" : "text.secondary",
  } as const;
  const content = (
    <>
      <PageIcon path={href} icon={icon} />
      {label}
    </>
  );
  return href ? (
    <ListItemButton component={Link} href={href} aria-label={name} aria-current={here ? "page" : undefined} sx={look}>
      {content}
    </ListItemButton>
  ) : (
    <ListItemButton component="button" aria-haspopup="menu" onClick={onClick} sx={look}>
      {content}
    </ListItemButton>
  );
}
