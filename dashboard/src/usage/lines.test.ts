import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type UsageRow, UsageRowSchema } from "../gen/passerelle/v1/usage_pb";
import { among, PERIODS, sinceOf, type Wanted } from "./choices";
import { days } from "./graduations";
import { DRAWN, drawn, outcomesOf } from "./lines";

const HOUR = 3_600;
const SINCE = 100 * HOUR;
const row = (hour: number, init: Exclude<MessageInitShape<typeof UsageRowSchema>, UsageRow>) =>
  create(UsageRowSchema, { since: { seconds: BigInt(SINCE + hour * HOUR) }, ...init });
const span: [number, number] = [SINCE, SINCE + 2.5 * HOUR];
const byKey = ({ key }: { key: string }) => key;

test("une somme vaut zéro où rien n'est passé, une attente n'y a pas de valeur", () => {
  const rows = [
    row(0, { key: "a", requests: 1, tokensIn: 5 }),
    row(2, { key: "b", requests: 3, tokensIn: 7, firstP95: { nanos: 5e8 } }),
  ];
  expect(drawn(rows, "lus", "heure", span, byKey)).toEqual({
    times: [SINCE, SINCE + HOUR, SINCE + 2 * HOUR],
    lines: [
      { name: "b", values: [0, 0, 7] },
      { name: "a", values: [5, 0, 0] },
    ],
    left: 0,
  });
  expect(drawn(rows, "premier-95", "heure", span, byKey).lines[0]?.values).toEqual([null, null, 0.5]);
});

test("par issue, les groupes se réunissent", () => {
  const rows = [
    row(1, { key: "a", requests: 3, outcomes: { OK: 2, QUEUE_FULL: 1 } }),
    row(1, { key: "b", requests: 4, outcomes: { OK: 4 } }),
  ];
  expect(drawn(rows, "issues", "heure", span, byKey).lines).toEqual([
    { name: "OK", values: [0, 6, 0] },
    { name: "QUEUE_FULL", values: [0, 1, 0] },
  ]);
  expect(outcomesOf(rows)).toEqual([
    ["OK", 6],
    ["QUEUE_FULL", 1],
  ]);
});

test("au-delà de ce qui se distingue, les courbes de moins de requêtes sont comptées", () => {
  const rows = Array.from({ length: DRAWN + 2 }, (_, rank) => row(0, { key: `k${rank}`, requests: rank + 1 }));
  const found = drawn(rows, "requetes", "heure", span, byKey);
  expect([found.lines.length, found.left, found.lines[0]?.name]).toEqual([DRAWN, 2, `k${DRAWN + 1}`]);
});

test("une ligne que l'heure suivante apporte, hors de la période lue, ne casse rien", () => {
  const late = row(9, { key: "a", requests: 1 });
  expect(drawn([late], "requetes", "heure", span, byKey).lines).toEqual([{ name: "a", values: [0, 0, 0] }]);
});

test.each(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"])("à %s, chaque jour s'écrit une fois", (zone) => {
  // Minuit du 29 novembre 2026 à cet endroit, puis toutes les douze heures, comme le dessin gradue une semaine.
  const offset = { UTC: 0, "Europe/Paris": 1, "America/New_York": -5, "Asia/Kolkata": 5.5 }[zone] ?? 0;
  const midnight = Date.UTC(2026, 10, 29) / 1_000 - offset * HOUR;
  const splits = Array.from({ length: 14 }, (_, rank) => midnight + rank * 12 * HOUR);
  const read = days(splits, false, zone);
  expect(read.filter(Boolean)).toHaveLength(7);
  expect(read.slice(0, 3)).toEqual(["29 nov.", "", "30 nov."]);
  // Une période qui commence en milieu de journée n'écrit pas là le jour entamé.
  expect(days([midnight + 6 * HOUR, midnight + 24 * HOUR], false, zone)).toEqual(["", "30 nov."]);
  // Un pas d'un jour est d'UTC, où que l'on soit.
  expect(days([Date.UTC(2026, 10, 29) / 1_000], true, zone)).toEqual(["29 nov."]);
});

test("la période compte le pas en cours ; une valeur inconnue de l'adresse vaut l'usuelle", () => {
  const wanted: Wanted = { period: "jour", step: "heure", group: "cle", key: "", model: "" };
  expect(sinceOf(wanted, 1_000 * HOUR + 12)).toBe(977 * HOUR);
  expect(sinceOf({ ...wanted, period: "trimestre", step: "jour" }, 100 * 86_400 + 5)).toBe(11 * 86_400);
  expect(among(PERIODS, "semaine", "jour")).toBe("semaine");
  for (const unknown of ["", "toString", "siècle"]) expect(among(PERIODS, unknown, "jour")).toBe("jour");
});
