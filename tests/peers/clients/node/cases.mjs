// Ce que chaque client du dehors essaie, et ce qu'il en dit : une ligne JSON par essai, comme `../cases.py`.
import assert from "node:assert/strict";

export const QUESTION = "What is the capital of France? Is it a large city?";
export const TOO_LONG = "word ".repeat(3000);
export const CITY = {
  type: "object",
  properties: { city: { type: "string", maxLength: 12 }, large: { type: "boolean" } },
  required: ["city", "large"],
  additionalProperties: false,
};

/** La bibliothèque n'a rien pour cela. */
export class Absent extends Error {}

/** Vérifie une réponse qui doit tenir un schéma. */
export function city(value) {
  assert.equal(typeof value.city, "string");
  assert.equal(typeof value.large, "boolean");
  return "";
}

/** Nom de l'erreur que cet appel lève, si elle convient ; toute autre passe. */
export async function refused(fits, call) {
  try {
    await call();
  } catch (error) {
    if (fits(error)) return error.name === "Error" ? error.constructor.name : error.name;
    throw error;
  }
  throw new Error("aucune erreur");
}

/** Joue les essais nommés sur la ligne de commande, ou tous. */
export async function play(cases) {
  const [url, key, speech, ...names] = process.argv.slice(2);
  const found = cases({ url, key, speech });
  for (const name of names.length > 0 ? names : Object.keys(found)) {
    let result;
    try {
      result = { works: true, said: await found[name]() };
    } catch (error) {
      const works = error instanceof Absent ? null : false;
      result = { works, said: works === null ? error.message : `${error.name} : ${error.message}` };
    }
    console.log(JSON.stringify({ case: name, ...result }));
  }
}
