import { Button, type ButtonProps } from "@mui/material";
import type { Model } from "../gen/passerelle/v1/model_pb";
import { Icon } from "../shell/Icon";

interface Props extends Pick<ButtonProps, "aria-haspopup" | "disabled" | "href" | "onClick"> {
  model: Model;
  /** Nom anglais du geste, pour les essais. */
  name: string;
  label: string;
  icon: string;
  /** Geste utile maintenant : mis en avant. */
  main?: boolean;
}

/** Bouton d'un geste sur un modèle ; un lecteur d'écran entend aussi de quel modèle il s'agit. */
export function ActionButton({ model, name, label, icon, main = false, ...rest }: Props) {
  return (
    <Button
      {...rest}
      size="small"
      variant={main ? "contained" : "text"}
      startIcon={<Icon path={icon} />}
      aria-label={`${label} ${model.displayName || model.key}`}
      data-testid={`action-${name}-${model.key}`}
    >
      {label}
    </Button>
  );
}
