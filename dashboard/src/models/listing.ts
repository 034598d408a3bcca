import { CAPABILITIES, STATES } from "../fr";
import type { Capability, Model } from "../gen/passerelle/v1/model_pb";

/** Modèles où se trouve chaque mot cherché : nom, clé, alias, capacité, état, moteur ou dépôt, sans égard aux accents. */
export function matching(models: readonly Model[], wanted: string): Model[] {
  const words = plain(wanted).split(/\s+/).filter(Boolean);
  return models.filter((model) => {
    const { key, displayName, aliases, engine, source } = model;
    const said = [key, displayName, ...aliases, engine, source?.repository ?? ""];
    const text = plain([...said, CAPABILITIES[model.capability], STATES[model.state]].join(" "));
    return words.every((word) => text.includes(word));
  });
}

/** Modèles par capacité, dans l'ordre du contrat ; ceux d'une même capacité gardent celui du profil. */
export function grouped(models: readonly Model[]): [Capability, Model[]][] {
  const found = new Map<Capability, Model[]>();
  for (const model of models) found.set(model.capability, [...(found.get(model.capability) ?? []), model]);
  return [...found].sort(([one], [other]) => one - other);
}

function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase();
}
