// Un style par liste, non par ligne : une longue réunion en a des milliers.
export const PASSAGES = {
  position: "relative",
  m: 0,
  mx: -1,
  p: 0,
  maxHeight: { xs: 420, lg: 560 },
  overflowY: "auto",
  listStyle: "none",
  "& li": {
    display: "flex",
    gap: 1.5,
    px: 1,
    py: 0.5,
    borderLeft: "4px solid transparent",
    borderRadius: "0 6px 6px 0",
    cursor: "pointer",
  },
  "& li:hover": { bgcolor: "action.hover" },
  "& li[aria-current]": { bgcolor: "action.selected" },
  "& li > button": {
    flexShrink: 0,
    alignSelf: "flex-start",
    minWidth: 56,
    p: 0,
    border: 0,
    background: "none",
    font: "inherit",
    fontSize: "0.8125rem",
    lineHeight: 1.85,
    textAlign: "left",
    fontVariantNumeric: "tabular-nums",
    color: "text.secondary",
    cursor: "pointer",
    borderRadius: "4px",
  },
  "& li > button:focus-visible": { outline: "2px solid", outlineColor: "primary.main" },
  "& li > div": { minWidth: 0, overflowWrap: "anywhere" },
  "& strong": { mr: 1 },
  "& small": { fontSize: "0.875rem", color: "text.secondary", fontVariantNumeric: "tabular-nums" },
} as const;

/** D'une longue liste, le navigateur ne dessine que les lignes qu'on voit ; une courte garde ses vraies hauteurs. */
export const MANY = 200;
export const MANY_PASSAGES = {
  ...PASSAGES,
  "& li": { ...PASSAGES["& li"], contentVisibility: "auto", containIntrinsicSize: "auto 32px" },
} as const;
