import { Alert, Box, Stack, Typography } from "@mui/material";
import { useState } from "react";
import { useAccess } from "../shell/AccessProvider";
import { MONOSPACE } from "../shell/kit";
import { useServer } from "../status/StatusProvider";
import { CreateForm } from "./CreateForm";
import { KeyRow } from "./KeyRow";
import { T } from "./texts";
import { useKeys } from "./useKeys";
import { type Told, ValueCard } from "./ValueCard";

/** Les clés nommées : les créer, les renouveler, les révoquer. */
export function KeysPage() {
  const { status } = useServer();
  const { key } = useAccess();
  const required = status?.adminKeyRequired;
  const { listed, failure, reload } = useKeys(key, !required || !key);
  const [told, setTold] = useState<Told>();
  const show = (value: Told) => {
    setTold(value);
    reload();
  };
  return (
    <Stack spacing={3}>
      <Stack spacing={2}>
        <Typography variant="h2">{T.title}</Typography>
        <Typography color="textSecondary">{T.help}</Typography>
      </Stack>
      {told && <ValueCard told={told} onDone={() => setTold(undefined)} />}
      {required === undefined || (required && key && !listed && !failure) ? (
        <Typography role="status">{T.loading}</Typography>
      ) : !required ? (
        <Alert severity="info" data-testid="keys-keyless">
          {T.keyless}{" "}
          <Box component="code" sx={{ fontFamily: MONOSPACE }}>
            {T.first}
          </Box>
        </Alert>
      ) : !key ? (
        <Alert severity="info" data-testid="keys-closed">
          {T.closed}
        </Alert>
      ) : failure ? (
        <Alert severity="error" data-testid="keys-failure">
          {failure}
        </Alert>
      ) : (
        <>
          <CreateForm models={status?.models.map((model) => model.key) ?? []} onCreated={show} />
          <Stack component="section" spacing={1} aria-label={T.listed}>
            <Typography variant="h3">{T.listed}</Typography>
            {listed?.length === 0 && <Typography color="textSecondary">{T.none}</Typography>}
            <Stack component="ul" spacing={1} sx={{ p: 0, m: 0 }}>
              {listed?.map((one) => (
                <KeyRow key={one.id} named={one} onRotated={setTold} onChanged={reload} />
              ))}
            </Stack>
          </Stack>
        </>
      )}
    </Stack>
  );
}
