import { SvgIcon, type SvgIconProps } from "@mui/material";

/** Dessin de `@mdi/js`, muet pour un lecteur d'écran : son sens est toujours écrit à côté, ou dans un `aria-label`. */
export function Icon({ path, ...rest }: SvgIconProps & { path: string }) {
  return (
    <SvgIcon aria-hidden {...rest}>
      <path d={path} />
    </SvgIcon>
  );
}
