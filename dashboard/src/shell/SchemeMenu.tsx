import { mdiThemeLightDark, mdiWeatherNight, mdiWhiteBalanceSunny } from "@mdi/js";
import { ListItemIcon, Menu, MenuItem, Tooltip, useColorScheme } from "@mui/material";
import { useState } from "react";
import { Icon, IconAct } from "./kit";
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
        <IconAct
          label={T.scheme.label}
          icon={icon}
          aria-haspopup="menu"
          testId="scheme-open"
          onClick={(event) => setAnchor(event.currentTarget)}
        />
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
