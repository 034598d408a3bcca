import { Box } from "@mui/material";
import { memo, type Ref, useMemo } from "react";
import { MONOSPACE } from "../../shell/monospace";
import { T } from "../texts";
import type { LogLine } from "./logLines";

const COLORS: Record<string, string> = {
  error: "error.main",
  critical: "error.main",
  warning: "warning.main",
};

interface Props {
  lines: readonly LogLine[];
  ref: Ref<HTMLDivElement>;
  onScroll: () => void;
}

/** Les lignes, dans une zone qui défile à la souris comme au clavier. */
export function LogView({ lines, ref, onScroll }: Props) {
  const rows = useMemo(() => lines.map((line) => <Line key={line.id} line={line} />), [lines]);
  return (
    <Box
      ref={ref}
      onScroll={onScroll}
      // Muette : lire chaque ligne à voix haute serait insupportable.
      role="region"
      aria-label={T.logs.lines}
      tabIndex={0}
      data-testid="log-lines"
      sx={{
        flexGrow: 1,
        minHeight: 160,
        overflow: "auto",
        p: 1.5,
        border: 1,
        borderColor: "divider",
        borderRadius: 1,
        bgcolor: "background.default",
        fontFamily: MONOSPACE,
        fontSize: 12.5,
        lineHeight: 1.6,
      }}
    >
      {rows}
    </Box>
  );
}

const Line = memo(function Line({ line: { time, level, text } }: { line: LogLine }) {
  return (
    <Box data-testid="log-line" sx={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
      {time && (
        <Box component="span" sx={{ color: "text.secondary" }}>
          {time}{" "}
        </Box>
      )}
      {level && (
        <Box component="span" sx={{ color: COLORS[level] ?? "text.secondary", fontWeight: COLORS[level] ? 700 : 400 }}>
          {level}{" "}
        </Box>
      )}
      {text}
    </Box>
  );
});
