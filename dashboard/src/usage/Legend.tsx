import { Box, Stack, Typography } from "@mui/material";
import type { Drawn } from "./lines";

/** Couleur d'une courbe sur fond clair, puis sombre, et son trait : deux courbes se distinguent aussi sans couleur. */
const LOOKS: [light: string, dark: string, dash: readonly number[]][] = [
  ["#3f51d9", "#a3aeff", []],
  ["#b71c1c", "#ff9b94", [8, 4]],
  ["#1b7f4b", "#6fd6a0", [2, 3]],
  ["#8a4600", "#ffb866", [12, 4, 2, 4]],
  ["#7b1fa2", "#dda0f5", [6, 2]],
  ["#00687a", "#6fd3e6", [3, 6]],
  ["#ad1457", "#ff9ec4", [14, 6]],
  ["#54606b", "#b8c4ce", [1, 4]],
];

export function lookOf(rank: number, dark: boolean): { color: string; dash: readonly number[] } {
  const [light, night, dash] = LOOKS[rank % LOOKS.length] ?? ["", "", []];
  return { color: dark ? night : light, dash };
}

/** Le nom de chaque courbe, et sa valeur là où l'on pointe. */
export function Legend({
  drawn: { lines },
  at,
  format,
}: {
  drawn: Drawn;
  at: number | undefined;
  format: (value: number) => string;
}) {
  return (
    <Stack
      direction="row"
      component="ul"
      useFlexGap
      sx={{ flexWrap: "wrap", columnGap: 2.5, rowGap: 0.5, m: 0, p: 0, listStyle: "none" }}
      data-testid="usage-legend"
    >
      {lines.map(({ name, values }, rank) => {
        const value = at === undefined ? undefined : values[at];
        return (
          <Stack key={name} component="li" direction="row" spacing={1} sx={{ alignItems: "center", minWidth: 0 }}>
            <Box component="svg" aria-hidden viewBox="0 0 28 4" sx={{ width: 28, height: 4, flexShrink: 0 }}>
              <Box
                component="path"
                d="M0 2H28"
                sx={(theme) => ({
                  stroke: lookOf(rank, false).color,
                  strokeWidth: 3,
                  strokeDasharray: lookOf(rank, false).dash.join(" "),
                  ...theme.applyStyles("dark", { stroke: lookOf(rank, true).color }),
                })}
              />
            </Box>
            <Typography variant="body2" sx={{ overflowWrap: "anywhere", minWidth: 0 }}>
              {name}
              {/* Muet : le tableau dit chaque valeur, et celle-ci change à chaque pas du pointeur. */}
              {typeof value === "number" && <span aria-hidden>{` : ${format(value)}`}</span>}
            </Typography>
          </Stack>
        );
      })}
    </Stack>
  );
}
