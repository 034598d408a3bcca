import { useSearchParams } from "wouter";

/** Clé du modèle que l'adresse demande d'essayer ; vide : aucun. */
export function useAsked(): string {
  const [params] = useSearchParams();
  return params.get("modele") ?? "";
}
