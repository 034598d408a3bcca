import {
  Alert,
  type AlertProps,
  Box,
  Button,
  type ButtonProps,
  Chip,
  type ChipProps,
  IconButton,
  type IconButtonProps,
  LinearProgress,
  Stack,
  SvgIcon,
  type SvgIconProps,
  TextField,
  type TextFieldProps,
  Typography,
  type TypographyProps,
} from "@mui/material";
import { type ElementType, Fragment, type ReactNode, useId } from "react";

// Les petites pièces que toutes les pages emploient.

type TextProps = TypographyProps & { component?: ElementType; dateTime?: string };

/** Ce qui précise, en retrait. */
export const Note = (props: TextProps) => <Typography variant="body2" color="textSecondary" {...props} />;

/** La même chose, en plus petit. */
export const Hint = (props: TextProps) => <Typography variant="caption" color="textSecondary" {...props} />;

/** Un avis ; rien s'il n'y a rien à dire. */
export function Told({ text, testId, ...rest }: Omit<AlertProps, "children"> & { text: ReactNode; testId?: string }) {
  if (!text) return null;
  return (
    <Alert data-testid={testId} {...rest}>
      {text}
    </Alert>
  );
}

type FieldProps = Omit<TextFieldProps, "onChange" | "helperText"> & {
  testId?: string | undefined;
  onText: (text: string) => void;
  help?: ReactNode;
  /** Ce qui ne va pas ; il se lit à la place de l'aide. */
  fault?: string | undefined;
  /** Attributs du champ lui-même. */
  html?: object;
};

/** Un champ de saisie. */
export function Field({ testId, onText, help, fault, html, slotProps, ...rest }: FieldProps) {
  return (
    <TextField
      size="small"
      error={fault !== undefined}
      helperText={fault ?? help}
      onChange={(event) => onText(event.target.value)}
      slotProps={{
        ...slotProps,
        htmlInput: { "data-testid": testId, ...html },
        formHelperText: { role: fault ? "alert" : undefined, ...(slotProps?.formHelperText as object) },
      }}
      {...rest}
    />
  );
}

interface ChoiceProps extends Pick<TextFieldProps, "label" | "disabled" | "fullWidth" | "sx"> {
  /** Valeur choisie ; à défaut d'être proposée, la première l'est. */
  value: string;
  /** Chaque valeur, et ce qu'on en lit. */
  options: readonly (readonly [value: string, label: string])[];
  onChoose: (value: string) => void;
  testId?: string | undefined;
}

/** Un choix dans une liste, au menu du système. */
export function Choice({ value, options, onChoose, ...rest }: ChoiceProps) {
  return (
    <Field
      select
      value={options.some(([one]) => one === value) ? value : options[0]?.[0]}
      onText={onChoose}
      slotProps={{ select: { native: true }, inputLabel: { shrink: true } }}
      {...rest}
    >
      {options.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
    </Field>
  );
}

type Facts = readonly (readonly [name: string, value: string | undefined | false])[];

/** Noms et valeurs, en deux colonnes ; ce qui n'a pas de valeur n'y est pas. `stacked` : sur un téléphone, l'un sous l'autre. */
export function FactList({ facts, testId, stacked = false }: { facts: Facts; testId?: string; stacked?: boolean }) {
  const columns = "auto minmax(0, 1fr)";
  const one = stacked ? "minmax(0, 1fr)" : columns;
  const look = { gridTemplateColumns: { xs: one, sm: columns }, columnGap: 2, rowGap: 0.25, m: 0 };
  return (
    <Box component="dl" data-testid={testId} sx={{ display: "grid", ...look }}>
      {facts.map(
        ([name, value]) =>
          value && (
            <Fragment key={name}>
              <Note component="dt">{name}</Note>
              <Typography component="dd" variant="body2" sx={{ m: 0, overflowWrap: "anywhere" }}>
                {value}
              </Typography>
            </Fragment>
          ),
      )}
    </Box>
  );
}

/** Ce qui est fait, de 0 à 100 ; `undefined` : en cours, sans mesure. */
export function Gauge({ label, done, height }: { label: string; done: number | undefined; height: number }) {
  return (
    <LinearProgress
      aria-label={label}
      variant={done === undefined ? "indeterminate" : "determinate"}
      value={done ?? 0}
      sx={{ borderRadius: 1, height }}
    />
  );
}

interface PartProps {
  title: ReactNode;
  /** À côté du titre. */
  aside?: ReactNode;
  children: ReactNode;
  variant?: "h2" | "h3";
}

/** Une partie de page, sous son titre. */
export function Part({ title, aside, children, variant = "h2" }: PartProps) {
  const id = useId();
  return (
    <Box component="section" aria-labelledby={id} sx={{ minWidth: 0 }}>
      <Stack direction="row" sx={{ flexWrap: "wrap", alignItems: "baseline", columnGap: 2, mb: 1.5 }}>
        <Typography id={id} variant={variant}>
          {title}
        </Typography>
        {aside}
      </Stack>
      {children}
    </Box>
  );
}

/** Un nom qu'une ligne étroite coupe après ce motif, non au milieu d'un mot. */
export function Breakable({ text, after }: { text: string; after: RegExp }) {
  const parts = text.split(after);
  return parts.map((part, rank) => (
    <Fragment key={parts.slice(0, rank + 1).join("")}>
      {part}
      <wbr />
    </Fragment>
  ));
}

/** Dessin de `@mdi/js`, muet pour un lecteur d'écran : son sens est toujours écrit à côté, ou dans un `aria-label`. */
export function Icon({ path, ...rest }: SvgIconProps & { path: string }) {
  return (
    <SvgIcon aria-hidden {...rest}>
      <path d={path} />
    </SvgIcon>
  );
}

/** Région polie, invisible : ce qu'un lecteur d'écran doit dire quand cela change. */
export function Spoken({ children }: { children: ReactNode }) {
  return (
    <Box
      component="span"
      role="status"
      sx={{ position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" }}
    >
      {children}
    </Box>
  );
}

/** Chasse fixe, sans police demandée au réseau. */
export const MONOSPACE = 'ui-monospace, "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace';

type ButtonLook = Omit<ButtonProps, "children"> & { testId?: string | undefined; component?: ElementType };

/** Un bouton, et son libellé. */
export function Act({ label, icon, testId, ...rest }: ButtonLook & { label: ReactNode; icon?: string }) {
  return (
    <Button size="small" startIcon={icon && <Icon path={icon} />} data-testid={testId} {...rest}>
      {label}
    </Button>
  );
}

type IconButtonLook = Omit<IconButtonProps, "children"> & { testId?: string | undefined };

/** Un bouton qui n'est qu'une icône ; `label` la dit. */
export function IconAct({ label, icon, testId, ...rest }: IconButtonLook & { label: string; icon: string }) {
  return (
    <IconButton aria-label={label} data-testid={testId} {...rest}>
      <Icon path={icon} fontSize="small" />
    </IconButton>
  );
}

/** Une étiquette. */
export const Tag = (props: ChipProps) => <Chip size="small" variant="outlined" {...props} />;

const FULL = "minmax(0, 1fr)";

/** Des cartes, d'une à trois de front selon la place. */
export const CARDS = {
  display: "grid",
  gap: 2,
  gridTemplateColumns: { xs: FULL, md: `repeat(2, ${FULL})`, xl: `repeat(3, ${FULL})` },
} as const;
