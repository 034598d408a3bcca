import { TextField } from "@mui/material";
import { useState } from "react";
import { accessKey, setAccessKey } from "./api";
import { T } from "./fr";

/** Clé d'accès, demandée seulement quand le serveur en exige une. */
export function KeyField() {
  const [key, setKey] = useState(accessKey);
  return (
    <TextField
      size="small"
      type="password"
      autoComplete="off"
      label={T.key}
      helperText={T.keyHelp}
      value={key}
      onChange={(event) => {
        setKey(event.target.value);
        setAccessKey(event.target.value.trim());
      }}
      slotProps={{ htmlInput: { "data-testid": "access-key" } }}
    />
  );
}
