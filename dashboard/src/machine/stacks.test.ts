import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { GpuSchema, HostSchema } from "../gen/passerelle/v1/machine_pb";
import { ModelSchema } from "../gen/passerelle/v1/model_pb";
import { GpuVerdictSchema } from "../gen/passerelle/v1/model_verbs_pb";
import { GIB, gpuOf, verdictOf } from "../testing/gpuServer";
import { diskParts, gpuParts, isTakenElsewhere, modelOf, needParts, type Part, ramParts } from "./stacks";

function brief(parts: Part[]): [string, number][] {
  return parts.map(({ kind, replica, bytes }) => [replica ? `${kind} ${replica}` : kind, bytes]);
}

test("chaque exemplaire tient sa part, sa réserve est à prendre sur le libre", () => {
  const gpu = create(GpuSchema, {
    totalBytes: 100,
    usedBytes: 45,
    foreignBytes: 5,
    leases: [
      { replica: "qwen-10", reservedBytes: 20 },
      { replica: "qwen-2", reservedBytes: 25 },
    ],
    processes: [
      { replica: "qwen-2", usedBytes: 20, pid: 1 },
      { replica: "qwen-2", usedBytes: 10, pid: 2 },
      { replica: "qwen-10", usedBytes: 8, pid: 3 },
      { replica: "", usedBytes: 5, pid: 4 },
    ],
  });
  expect(brief(gpuParts(gpu))).toEqual([
    ["model qwen-2", 30],
    ["model qwen-10", 8],
    ["reserved qwen-10", 12],
    ["foreign", 5],
    ["unexplained", 2],
    ["free", 43],
  ]);
});

test("quand NVML ne nomme pas nos processus, le bail dit à qui est ce qui est pris", () => {
  const gpu = create(GpuSchema, {
    totalBytes: 100,
    usedBytes: 30,
    foreignBytes: 10,
    leases: [{ replica: "canary-0", reservedBytes: 25 }],
  });
  expect(brief(gpuParts(gpu))).toEqual([
    ["model canary-0", 20],
    ["reserved canary-0", 5],
    ["foreign", 10],
    ["free", 65],
  ]);
});

test("ce qu'un départ a laissé n'est pas pris pour un autre programme", () => {
  const gpu = create(GpuSchema, {
    totalBytes: 100,
    usedBytes: 30,
    foreignBytes: 30,
    dirty: true,
    processes: [{ replica: "", usedBytes: 10, pid: 4 }],
  });
  expect(brief(gpuParts(gpu))).toEqual([
    ["foreign", 10],
    ["unexplained", 20],
    ["free", 70],
  ]);
});

test("la mémoire vive et le disque s'empilent de même", () => {
  const models = [create(ModelSchema, { key: "qwen", replicas: [{ id: "qwen-0", residentBytes: 30 }] })];
  const host = create(HostSchema, {
    memoryTotalBytes: 100,
    memoryUsedBytes: 50,
    cacheDiskTotalBytes: 1000,
    cacheDiskFreeBytes: 600,
    cacheUsedBytes: 150,
  });
  expect(brief(ramParts(host, models))).toEqual([
    ["model qwen-0", 30],
    ["foreign", 20],
    ["free", 50],
  ]);
  expect(brief(diskParts(host))).toEqual([
    ["weights", 150],
    ["foreign", 250],
    ["free", 600],
  ]);
});

test("le modèle d'un exemplaire se lit dans son nom", () => {
  expect(modelOf("whisper-large-3")).toBe("whisper-large");
});

test("un bail sans partage se dit", () => {
  const gpu = gpuOf(0, { usedBytes: 8, leases: [{ replica: "qwen-0", reservedBytes: 8, exclusive: true }] });
  expect(gpuParts(gpu)[0]).toEqual({ kind: "model", replica: "qwen-0", bytes: 8, alone: true });
});

test("un verdict s'empile sur ce qui est déjà pris ; une part nulle ne se montre pas", () => {
  const verdict = verdictOf(0, { weightsBytes: 0, availableBytes: 130 * GIB });
  expect(brief(needParts(create(GpuVerdictSchema, verdict)))).toEqual([
    ["foreign", 10 * GIB],
    ["working", 66 * GIB],
    ["reserve", 2 * GIB],
    ["free", 4 * GIB],
  ]);
});

test.each([
  ["rien", {}, false],
  ["le pilote seul", { foreignBytes: 4 * 1024 ** 2 }, false],
  ["un programme que NVML ne nomme pas", { foreignBytes: 30 * GIB }, true],
  ["un programme nommé", { foreignBytes: 4096, processes: [{ pid: 7, replica: "", usedBytes: 4096 }] }, true],
  ["un programme dont la mémoire n'est pas dite", { processes: [{ pid: 7, replica: "" }] }, true],
  ["un des nôtres", { processes: [{ pid: 7, replica: "qwen-0", usedBytes: GIB }] }, false],
])("un GPU où tourne %s", (_, changes, taken) => {
  expect(isTakenElsewhere(gpuOf(0, changes))).toBe(taken);
});
