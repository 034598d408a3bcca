// La machine d'essai : le fichier que lit sa sonde de GPU (tests/fakes/gpu_machine).
import { readFile, rename, writeFile } from "node:fs/promises";

/** Change ce que la sonde lira : `values(gpu, index)` rend les champs changés d'un GPU, ou rien. */
export async function changeGpus(file, values) {
  const found = JSON.parse(await readFile(file, "utf8"));
  found.gpus = found.gpus.map((gpu, index) => ({ ...gpu, ...values(gpu, index) }));
  // D'un seul geste : la sonde peut lire à tout instant.
  await writeFile(`${file}.partial`, JSON.stringify(found));
  await rename(`${file}.partial`, file);
}

/** Change un seul GPU. */
export function changeGpu(file, rank, values) {
  return changeGpus(file, (_, index) => (index === rank ? values : undefined));
}
