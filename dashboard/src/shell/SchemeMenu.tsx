import { mdiThemeLightDark, mdiWeatherNight, mdiWhiteBalanceSunny } from "@mdi/js";
import { IconButton, ListItemIcon, Menu, MenuItem, Tooltip, useColorScheme } from "@mui/material";
import { useState } from "react";
import { Icon } from "./Icon";
import { T } from "./texts";

const MODES = [
  { mode: "light", icon: mdiWhiteBalanceSunny, label: T.scheme.light },
  { mode: "dark", icon: mdiWeatherNight, label: T.scheme.dark },
  { mode: "system", icon: mdiThemeLightDark, label: T.scheme.system },
] as const;

/** Clair, sombre, ou comme le système ; retenu si le navigateur le veut bien. */
export function SchemeMenu() {
  const { mode = "system", setMode } = useColorScheme();
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const icon = MODES.find((one) => one.mode === mode)?.icon ?? mdiThemeLightDark;
  return (
    <>
      <Tooltip title={T.scheme.label}>
        <IconButton
          aria-label={T.scheme.label}
          aria-haspopup="menu"
          data-testid="scheme-open"
          onClick={(event) => setAnchor(event.currentTarget)}
        >
          <Icon path={icon} fontSize="small" />
        </IconButton>
      </Tooltip>
      <Menu anchorEl={anchor} open={anchor !== null} onClose={() => setAnchor(null)}>
        {MODES.map((one) => (
          <MenuItem
            key={one.mode}
            role="menuitemradio"
            aria-checked={one.mode === mode}
            selected={one.mode === mode}
            data-testid={`scheme-${one.mode}`}
            onClick={() => {
              setMode(one.mode);
              setAnchor(null);
            }}
          >
            <ListItemIcon>
              <Icon path={one.icon} fontSize="small" />
            </ListItemIcon>
            {one.label}
          </MenuItem>
        ))}
      </Menu>
    </>
  );
}
