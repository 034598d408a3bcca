import { TextField } from "@mui/material";
import { useState } from "react";
import { accessKey, isPortableKey, setAccessKey } from "../api/accessKey";
import { T } from "../fr";

/** Clé d'accès ; une clé d'administration ouvre tout. */
export function KeyField({ required }: { required: boolean }) {
  const [key, setKey] = useState(accessKey);
  const wrong = !isPortableKey(key.trim());
  const help = required ? T.keyNeeded : T.keyHelp;
  return (
    <TextField
      size="small"
      type="password"
      autoComplete="off"
      label={T.key}
      error={wrong}
      helperText={wrong ? T.keyRefused : help}
      value={key}
      onChange={(event) => {
        const typed = event.target.value;
        setKey(typed);
        setAccessKey(isPortableKey(typed.trim()) ? typed.trim() : "");
      }}
      sx={{ minWidth: { sm: 280 } }}
      slotProps={{ htmlInput: { "data-testid": "access-key" } }}
    />
  );
}
