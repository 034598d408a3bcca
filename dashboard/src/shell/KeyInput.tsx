import { mdiEyeOffOutline, mdiEyeOutline } from "@mdi/js";
import { IconButton, InputAdornment, TextField } from "@mui/material";
import { useState } from "react";
import { Icon } from "./kit";
import { T } from "./texts";

interface Props {
  value: string;
  onChange: (value: string) => void;
  /** Ce qui ne va pas ; absent si rien. */
  error: string | undefined;
}

/** Champ de la clé, cachée tant qu'on ne demande pas à la voir. */
export function KeyInput({ value, onChange, error }: Props) {
  const [shown, setShown] = useState(false);
  return (
    <TextField
      type={shown ? "text" : "password"}
      autoComplete="off"
      autoFocus
      fullWidth
      label={T.key.title}
      error={error !== undefined}
      helperText={error ?? T.key.help}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      slotProps={{
        htmlInput: { "data-testid": "access-key", spellCheck: false, autoCapitalize: "none" },
        formHelperText: { role: error ? "alert" : undefined, ...{ "data-testid": "key-help" } },
        input: {
          endAdornment: (
            <InputAdornment position="end">
              <IconButton
                edge="end"
                aria-label={shown ? T.key.hide : T.key.show}
                onClick={() => setShown((before) => !before)}
              >
                <Icon path={shown ? mdiEyeOffOutline : mdiEyeOutline} fontSize="small" />
              </IconButton>
            </InputAdornment>
          ),
        },
      }}
    />
  );
}
