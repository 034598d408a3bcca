import { Box } from "@mui/material";
import { laterOr } from "../shell/later";
import type { ChartProps } from "./UsageChart";

/** Hauteur d'une courbe, en pixels. */
export const HEIGHT = 280;

/** La place de la courbe, tant que son programme n'est pas là ; le tableau, lui, y est déjà. */
const Plain = ({ label }: ChartProps) => <Box role="img" aria-label={label} sx={{ height: HEIGHT }} />;

/** La courbe, dont la bibliothèque n'est lue qu'avec la page. */
export const usageChart = laterOr(async () => (await import("./UsageChart")).UsageChart, Plain);
