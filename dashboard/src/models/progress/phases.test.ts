import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { OperationKind, OperationSchema } from "../../gen/passerelle/v1/operation_pb";
import { phasesOf } from "./phases";

const at = (kind: OperationKind, phase: string) => phasesOf(create(OperationSchema, { kind, progress: { phase } }));

test("un chargement continue là où le téléchargement s'est arrêté", () => {
  const download = at(OperationKind.DOWNLOAD, "verifying");
  const load = at(OperationKind.LOAD, "spawning");
  expect(load.phases).toEqual(download.phases);
  expect([download.current, load.current]).toEqual([2, 3]);
  expect(load.phases.at(-1)).toBe("warming_up");
});

test("une étape imprévue se montre quand même, et l'absence d'étape n'en montre aucune", () => {
  expect(at(OperationKind.LOAD, "making_room")).toMatchObject({ current: 3 });
  expect(at(OperationKind.LOAD, "draining").phases.at(-1)).toBe("draining");
  for (const kind of [OperationKind.LOAD, OperationKind.RESTART]) {
    const seen = at(kind, "loading_weights");
    expect(seen.phases[seen.current]).toBe("opening");
  }
  expect(at(OperationKind.WAKE, "waking")).toEqual({ phases: ["waking"], current: 0 });
  expect(at(OperationKind.UNLOAD, "")).toEqual({ phases: ["draining", "stopping"], current: -1 });
});

test("une attente d'un téléchargement reste avant l'ouverture", () => {
  for (const kind of [OperationKind.DOWNLOAD, OperationKind.LOAD]) {
    for (const phase of ["held", "retrying"]) {
      const { phases, current } = at(kind, phase);
      expect(phases.slice(0, 4)).toEqual(["resolving", phase, "downloading", "verifying"]);
      expect([phases[current], phases.at(-1)]).toEqual([phase, "warming_up"]);
    }
  }
});
