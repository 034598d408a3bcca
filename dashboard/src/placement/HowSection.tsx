import { Box, Stack, Typography } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { KeepFields } from "./KeepFields";
import { OptionFields } from "./OptionFields";
import { optionsOf } from "./options";
import { isLoaded } from "./order";
import { P } from "./texts";
import type { Placement } from "./usePlacement";

/** Les options du moteur, et quand le modèle peut partir. */
export function HowSection({ model, placement }: { model: Model; placement: Placement }) {
  const { draft, change, faults } = placement;
  const options = optionsOf(model);
  return (
    <Stack spacing={3}>
      {options.length > 0 && (
        <Box component="section" aria-labelledby="placement-options-title">
          <Typography id="placement-options-title" variant="h3" sx={{ mb: 1.5 }}>
            {P.options.title}
          </Typography>
          {isLoaded(model) ? (
            <Typography variant="body2" color="textSecondary">
              {P.options.frozen}
            </Typography>
          ) : (
            <OptionFields
              options={options}
              texts={draft.options}
              faults={faults}
              onChange={(option, text) => change({ options: { ...draft.options, [option]: text } })}
            />
          )}
        </Box>
      )}
      <KeepFields model={model} draft={draft} fault={faults.idle_unload} onChange={change} />
    </Stack>
  );
}
