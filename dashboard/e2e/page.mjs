// Le parcours d'une personne, cache vide au départ : node e2e/page.mjs <adresse> <chemin de Chromium>
import { check, visit } from "./browser.mjs";
import { cancelledChats, chatCancelled } from "./server.mjs";

const [base, chromium] = process.argv.slice(2);
const STORY = "Write a very long story about a sailor, with many chapters.";

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  for (const key of ["qwen", "canary", "pyannote"]) {
    const card = await dashboard.text(`model-card-${key}`);
    check(/Téléchargement requis.*Taille[\d,]+ [MG]io/.test(card), `la carte ${key} ne dit pas sa taille : ${card}`);
  }
  const notice = await dashboard.text("notice");
  check(/démonstration/i.test(notice), `l'avertissement manque : ${notice}`);
  await dashboard.open("/essayer/conversation");
  const prompts = await dashboard.texts("chat-prompt");
  check(prompts.length === 3, `trois exemples attendus : ${prompts}`);

  await dashboard.open("/");
  await dashboard.state("qwen", "Dépôt");
  await dashboard.press("action-download-qwen");
  await dashboard.state("qwen", "Téléchargé");
  await dashboard.press("action-load-qwen");
  await dashboard.state("qwen", "Prêt");
  await dashboard.says("outcome", "Chargement de qwen : terminé");

  await dashboard.open("/essayer/conversation");
  // Sans tirage au sort, la réponse ne dépend que du modèle : longue, et la même à chaque essai.
  await dashboard.fill("chat-setting-temperature", "0");
  await dashboard.note("chat-answer");
  await dashboard.click('[data-testid="chat-prompt"]:nth-of-type(3)');
  await dashboard.see("chat-stop");
  await dashboard.see("chat-end");
  await dashboard.see("chat-send");
  const lengths = (await dashboard.noted("chat-answer")).map((text) => text.length);
  check(lengths.length >= 4, `la réponse ne vient pas au fil de l'eau : longueurs ${lengths}`);
  check(/jetons/.test(await dashboard.text("chat-end")), "le nombre de jetons manque");

  await dashboard.fill("chat-setting-maxTokens", "3000");
  const cancelled = await cancelledChats(base);
  await dashboard.type("chat-input", STORY);
  await page.keyboard.press("Enter");
  await dashboard.grown("chat-answer", 1, 10);
  await dashboard.press("chat-stop");
  await dashboard.see("chat-send");
  const ends = await dashboard.texts("chat-end");
  check(ends.at(-1).includes("Réponse arrêtée"), `l'arrêt ne se voit pas : ${ends}`);
  // La fin du texte peut attendre que la page ait le temps de la rendre.
  await dashboard.still();
  const stopped = await dashboard.texts("chat-answer");
  await chatCancelled(base, cancelled);
  await dashboard.still();
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
