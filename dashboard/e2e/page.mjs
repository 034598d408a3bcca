// Le parcours d'une personne, cache vide au départ : node e2e/page.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";

const [base, chromium] = process.argv.slice(2);

/** Attend, par REST, que `qwen` n'ait plus de requête en cours : le moteur s'est vraiment arrêté. */
async function engineIdle() {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const { status } = await (await fetch(`${base}/api/admin/status`)).json();
    const model = status.models.find((one) => one.key === "qwen");
    if (model.replicas.every((replica) => replica.running_requests === 0)) return;
  }
  throw new Error("le moteur continue après l'arrêt de la réponse");
}

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  for (const key of ["qwen", "canary", "pyannote"]) {
    const card = await dashboard.text(`model-card-${key}`);
    check(card.includes("à télécharger"), `la carte ${key} ne dit pas sa taille : ${card}`);
  }
  const notice = await dashboard.text("notice");
  check(/démonstration/i.test(notice), `l'avertissement manque : ${notice}`);
  await dashboard.open("/essayer/conversation");
  const prompts = await dashboard.texts("chat-prompt");
  check(prompts.length === 3, `trois exemples attendus : ${prompts}`);

  await dashboard.open("/");
  await dashboard.state("qwen", "À télécharger");
  await dashboard.press("action-download-qwen");
  await dashboard.state("qwen", "Téléchargé");
  await dashboard.press("action-load-qwen");
  await dashboard.state("qwen", "Prêt");
  const outcome = await dashboard.text("outcome");
  check(outcome.includes("Chargement de qwen : terminé"), `la fin n'est pas annoncée : ${outcome}`);

  await dashboard.open("/essayer/conversation");
  // Chaque longueur que la réponse a eue à l'écran, notée par la page elle-même.
  await page.evaluate(() => {
    window.lengths = new Set();
    new MutationObserver(() => {
      const answer = document.querySelector('[data-testid="chat-answer"]');
      if (answer) window.lengths.add(answer.textContent.length);
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
  });
  await dashboard.click('[data-testid="chat-prompt"]:nth-of-type(3)');
  await dashboard.see("chat-stop");
  await dashboard.see("chat-end");
  await dashboard.see("chat-send");
  const lengths = await page.evaluate(() => [...window.lengths]);
  check(lengths.length >= 4, `la réponse ne vient pas au fil de l'eau : longueurs ${lengths}`);
  check(/jetons/.test(await dashboard.text("chat-end")), "le nombre de jetons manque");

  await dashboard.type("chat-input", "Write a very long story about a sailor, with many chapters.");
  await page.keyboard.press("Enter");
  await dashboard.grown("chat-answer", 1, 10);
  await dashboard.press("chat-stop");
  await dashboard.see("chat-send");
  const ends = await dashboard.texts("chat-end");
  check(ends.at(-1).includes("Réponse arrêtée"), `l'arrêt ne se voit pas : ${ends}`);
  const stopped = await dashboard.texts("chat-answer");
  await engineIdle();
  check((await dashboard.texts("chat-answer"))[1] === stopped[1], "la réponse continue après l'arrêt");

  await dashboard.press("chat-new");
  await dashboard.see("chat-prompt");
  await dashboard.open("/");
  // L'état affiché peut dater d'avant l'arrêt : la page demanderait alors confirmation.
  await page.waitForSelector('[data-testid="requests-qwen"][data-busy="0"]');
  await dashboard.press("action-unload-qwen");
  await dashboard.state("qwen", "Téléchargé");
  check(complaints.length === 0, `plaintes du navigateur : ${complaints.join(" ; ")}`);
  console.log("tout est bon");
});
