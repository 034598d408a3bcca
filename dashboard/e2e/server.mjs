// Le produit, sans passer par la page : ses verbes, son état et ses compteurs, par REST.
import { readFile } from "node:fs/promises";
import { check } from "./browser.mjs";

/** Moins qu'il n'en faut à une longue réponse pour finir d'elle-même. */
const STOP_MS = 20_000;
const PAUSE_MS = 500;
/** Part d'un cœur au-dessus de laquelle un moteur travaille. */
const BUSY = 0.1;
const TICKS_PER_SECOND = 100;

/** Demande un geste sur un modèle ; `{ wait: true }` attend sa fin. */
export async function verb(base, model, name, body = {}) {
  const answer = await fetch(`${base}/api/admin/models/${model}/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  check(answer.ok, `${name} ${model} : ${answer.status} ${await answer.text()}`);
}

/** Combien d'opérations le serveur a gardées, parmi celles que `filters` retient. */
export async function operations(base, filters) {
  const answer = await fetch(`${base}/api/admin/operations?${new URLSearchParams(filters)}`);
  return (await answer.json()).operations.length;
}

/** Conversations que le serveur a comptées annulées. */
export async function cancelledChats(base) {
  const text = await (await fetch(`${base}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => /^passerelle_generations_total\{/.test(line))
    .filter((line) => line.includes('kind="chat"') && line.includes('status="CANCELLED"'))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/**
 * Attend que le serveur en compte plus que `before`, et que plus aucun moteur ne prenne de temps de processeur : une requête
 * abandonnée n'est plus comptée parmi celles en cours, même si le moteur la continue.
 */
export async function chatCancelled(base, before) {
  const deadline = Date.now() + STOP_MS;
  const pids = await engines(base);
  check(pids.length > 0, "aucun moteur ne tourne");
  while ((await cancelledChats(base)) <= before || (await share(pids)) > BUSY) {
    check(Date.now() < deadline, "la réponse n'est pas annulée, ou le moteur continue");
  }
}

/** Processus des exemplaires. */
async function engines(base) {
  const { status } = await (await fetch(`${base}/api/admin/status`)).json();
  const replicas = status.models.flatMap((model) => model.replicas.map(({ id }) => id));
  return status.processes.filter(({ name }) => replicas.includes(name)).map(({ pid }) => pid);
}

/** Part d'un cœur que ces processus viennent de prendre. */
async function share(pids) {
  const [used, at] = [await cpuSeconds(pids), Date.now()];
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  return (1_000 * ((await cpuSeconds(pids)) - used)) / (Date.now() - at);
}

async function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    // Le nom du programme, entre parenthèses, peut porter des espaces.
    const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ").at(-1).split(" ");
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}
