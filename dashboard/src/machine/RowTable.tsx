import { Table, TableBody, TableCell, TableHead, TableRow } from "@mui/material";

interface Props {
  labelledBy: string;
  testid: string;
  head: readonly string[];
  /** Lignes, par nom ; leurs cellules suivent l'en-tête. */
  rows: readonly { name: string; cells: readonly (string | number)[]; wrong?: boolean }[];
  /** Nombre de colonnes de chiffres, les dernières. */
  figures: number;
}

/** Un tableau dont la première colonne nomme chaque ligne. */
export function RowTable({ labelledBy, testid, head, rows, figures }: Props) {
  const cell = (content: string | number, rank: number) => (
    <TableCell
      key={head[rank]}
      align={rank >= head.length - figures ? "right" : "left"}
      sx={{ fontVariantNumeric: "tabular-nums", color: "inherit" }}
    >
      {content}
    </TableCell>
  );
  return (
    <Table
      size="small"
      aria-labelledby={labelledBy}
      data-testid={`${testid}-table`}
      sx={{ "& td, & th": { px: { xs: 1, sm: 2 } } }}
    >
      <TableHead>
        <TableRow>{head.map(cell)}</TableRow>
      </TableHead>
      <TableBody>
        {rows.map(({ name, cells, wrong }) => (
          <TableRow
            key={name}
            data-testid={`${testid}-${name}`}
            sx={{ color: wrong ? "error.main" : undefined, "&:last-child td": { border: 0 } }}
          >
            {[name, ...cells].map(cell)}
          </TableRow>
        ))}
      </TableBody>
    </Table>
  );
}
