// Le produit, sans passer par la page : ses verbes, son état et ses compteurs, par REST.
import { check } from "./browser.mjs";

/** Moins qu'il n'en faut à une longue réponse pour finir d'elle-même. */
const STOP_MS = 20_000;
const PAUSE_MS = 100;

/** Demande un geste sur un modèle ; `{ wait: true }` attend sa fin. */
export async function verb(base, model, name, body = {}) {
  const answer = await fetch(`${base}/api/admin/models/${model}/${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  check(answer.ok, `${name} ${model} : ${answer.status} ${await answer.text()}`);
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

/** Attend que le serveur en compte plus que `before`, et qu'aucun moteur ne travaille : la réponse n'a pas fini d'elle-même. */
export async function chatCancelled(base, before) {
  const deadline = Date.now() + STOP_MS;
  while ((await cancelledChats(base)) <= before || (await busy(base))) {
    check(Date.now() < deadline, "la réponse n'est pas annulée, ou le moteur continue");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function busy(base) {
  const { status } = await (await fetch(`${base}/api/admin/status`)).json();
  return status.models.flatMap((model) => model.replicas).some((replica) => replica.running_requests > 0);
}
