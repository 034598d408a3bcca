import { expect, test, vi } from "vitest";
import { french, typeset } from "./typography";

vi.unmock("./typography");

test.each([
  ["l'onde d'« été » : 'x' ?", "l’onde d’«\u202fété\u202f»\u202f: 'x'\u202f?"],
  ["67 108 864 octets, 1,5 Go, 30 s, 12 %", "67\u202f108\u202f864 octets, 1,5\u202fGo, 30\u202fs, 12\u202f%"],
  ["3 h 05 min ; 8 000 Hz !", "3\u202fh 05\u202fmin\u202f; 8\u202f000\u202fHz\u202f!"],
  ["« make\u00a0run »\u00a0: http://a:80/?b=c", "«\u202fmake\u00a0run\u202f»\u202f: http://a:80/?b=c"],
  ["GPU 5 s'arrête en 2026", "GPU 5 s’arrête en 2026"],
  ["un flux : chargement", "un flux\u202f: chargement"],
])("« %s »", (typed, printed) => {
  expect(french(typed)).toBe(printed);
  expect(french(printed)).toBe(printed);
});

test("les textes imbriqués et ceux des fonctions sont composés, le reste est laissé", () => {
  const texts = typeset({ a: ["l'un"], b: (name: string) => `${name} : ${3} s`, c: { d: 4, e: undefined } });
  expect(texts.a).toEqual(["l’un"]);
  expect(texts.b("d'un")).toBe("d’un\u202f: 3\u202fs");
  expect(texts.c).toEqual({ d: 4, e: undefined });
});

const MODULES = import.meta.glob<Record<string, unknown>>(["./**/texts.ts", "./fr.ts"], { eager: true });

/** Tout texte d'une valeur, où qu'il soit. */
function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

test.each(Object.entries(MODULES))("tout texte de %s est composé", (_path, found) => {
  const all = texts({ ...found });
  expect(all.length).toBeGreaterThan(5);
  expect(all.filter((text) => text !== french(text))).toEqual([]);
});
