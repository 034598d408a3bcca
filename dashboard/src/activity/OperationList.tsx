import { Alert, Button, Stack, Typography } from "@mui/material";
import type { OperationState } from "../gen/passerelle/v1/operation_pb";
import { OperationRow } from "./OperationRow";
import { T } from "./texts";
import { type Filter, useOperations } from "./useOperations";

interface Props {
  filter: Filter;
  states: readonly OperationState[];
  /** Ce qui se dit quand il n'y en a pas. */
  empty: string;
}

/** Opérations finies de ces états, les plus récentes d'abord, page après page. */
export function OperationList({ filter, states, empty }: Props) {
  const { found, failure, loadMore } = useOperations(filter, states);
  return (
    <Stack spacing={1}>
      {failure && <Alert severity="error">{failure}</Alert>}
      {!found && !failure && <Typography color="textSecondary">{T.loading}</Typography>}
      {found?.operations.length === 0 && <Typography color="textSecondary">{empty}</Typography>}
      {found?.operations.map((operation) => (
        <OperationRow key={operation.id} operation={operation} />
      ))}
      {found?.more && (
        <Button onClick={loadMore} data-testid="operations-more" sx={{ alignSelf: "center" }}>
          {T.more}
        </Button>
      )}
    </Stack>
  );
}
