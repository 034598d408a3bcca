// Fichiers transcrits, diarisés, écoutés, annulés, refusés :
// node e2e/page_audio.mjs <adresse> <chemin de Chromium> PHRASE DIALOGUE REUNION <dossier où déposer fichiers et extraits>
// PHRASE et DIALOGUE durent quelques secondes, REUNION de longues minutes.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { check, visit } from "./browser.mjs";

const [base, chromium, phrase, dialogue, meeting, out] = process.argv.slice(2);
const WIDTHS = [360, 1024, 1920];
/**
 * Temps laissé aux moteurs pour s'arrêter : celui d'un travail court, mesuré ici, tant de fois ; au moins trente secondes.
 * Un moteur finit sa fenêtre, jusqu'à 30 s d'audio ; mener le fichier jusqu'au bout lui prendrait une minute de processeur.
 */
const STOP_SHARE = 3;
const STOP_LEAST_MS = 30_000;

await visit(base, chromium, async (dashboard, complaints) => {
  const { page } = dashboard;
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: out });
  await dashboard.open("/essayer/audio");
  await dashboard.see("audio-run");
  check(await page.$eval('[data-testid="audio-run"]', (button) => button.disabled), "sans fichier, rien à lancer");

  await choose(phrase);
  check(/227 ko · 7 s/.test(await dashboard.text("audio-facts")), "taille et durée du fichier");
  await dashboard.see("audio-wave");
  await page.waitForSelector('[data-testid="audio-wave"][data-drawn="true"]');
  await page.select('[data-testid="audio-language"]', "en");
  await dashboard.press("audio-words");
  await run("audio-run");
  const spoken = (await shown("audio-passage")).join(" ");
  check(/Dashwood/.test(spoken), `les mots manquent : ${spoken}`);
  check(/anglais/.test(await dashboard.text("audio-end")), "la langue ne se voit pas");
  await play('[data-testid="audio-word"]');
  await keep("transcribe", phrase, (await shown("audio-word")).join(" "));
  for (const extension of ["srt", "vtt", "txt", "json"]) await download(extension, "austen-0870");

  // Une page que l'on quitte n'arrête pas son travail.
  await choose(dialogue);
  await dashboard.press("audio-task-diarize");
  await dashboard.press("audio-run");
  await dashboard.see("audio-progress");
  await dashboard.open("/");
  await dashboard.gone("audio-desk");
  await dashboard.open("/essayer/audio");
  await dashboard.see("audio-end");
  const lanes = await dashboard.texts("audio-lane");
  check(lanes.length === 2 && lanes.every((lane) => / %/.test(lane)), `deux locuteurs attendus : ${lanes}`);
  const turn = '[data-testid="audio-lane"]:nth-child(2) [data-testid="audio-turn"]';
  await Promise.all([page.waitForSelector(`${turn}[aria-current]`), play(turn)]);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  const second = await page.$eval(`${turn}:nth-child(2)`, focused);
  check(second, "la flèche droite va au tour suivant");
  await keep("diarize", dialogue, await turns());
  await download("rttm", "dialogue");
  await page.focus('[data-testid="audio-rename"]');
  await page.keyboard.press("Enter");
  await dashboard.see("audio-rename-field");
  await page.keyboard.type("Diane");
  await page.keyboard.press("Enter");
  check((await shown("audio-speaker"))[0] === "Diane", "le nom donné ne se voit pas");
  check(/Diane/.test((await shown("audio-passage")).join()), "le nom donné manque à la liste");

  for (const width of WIDTHS) {
    await page.setViewport({ width, height: 900 });
    for (const value of ["dark", "light"]) {
      await dashboard.scheme(value);
      await dashboard.accessible(`audio à ${width} px, ${value}`);
    }
    await dashboard.fits(`audio à ${width} px`);
  }

  await dashboard.press("audio-task-speakers");
  const began = Date.now();
  await run("audio-run");
  const whole = Date.now() - began;
  const both = (await shown("audio-speaker")).sort();
  check(both.join() === "SPEAKER_00,SPEAKER_01", `les locuteurs manquent : ${both}`);
  await keep("speakers", dialogue, (await passages()).join("\n"));
  await play('[data-testid="audio-passage"]:nth-child(2)');

  // Annuler arrête les deux moteurs, en pleine analyse.
  await choose(meeting);
  await dashboard.press("audio-run");
  await page.waitForSelector('[data-testid="audio-progress"] [role="progressbar"][aria-label="Reconnaissance"]');
  await engines("1,1", STOP_LEAST_MS);
  await dashboard.press("audio-cancel");
  await dashboard.see("audio-cancelled");
  await engines("0,0", Math.max(STOP_LEAST_MS, STOP_SHARE * whole));

  // Ce qui se reconnaît ne part pas ; ce dont la page doute, le serveur le juge.
  await choose(process.argv[1]);
  const refused = await dashboard.text("audio-refused");
  check(/un contenu inconnu/.test(refused), `le type ne se reconnaît pas : ${refused}`);
  check(await page.$eval('[data-testid="audio-run"]', (button) => button.disabled), "un texte peut partir");
  const doubtful = join(out, "douteux.mp3");
  await writeFile(doubtful, Buffer.alloc(100_000, "\xff\xe0\0\0", "latin1"));
  await choose(doubtful);
  await dashboard.see("audio-unplayable");
  await dashboard.see("audio-wave-note");
  await dashboard.press("audio-task-transcribe");
  await dashboard.press("audio-run");
  const failure = await dashboard.text("audio-failure");
  check(/n'est pas de l'audio/.test(failure), `le refus ne se voit pas : ${failure}`);
  // Chromium note de lui-même toute réponse 400.
  check(complaints.length === 1 && /400/.test(complaints[0]), `plaintes : ${complaints}`);
  complaints.length = 0;

  async function choose(path) {
    await (await page.$('[data-testid="audio-file"]')).uploadFile(path);
    await dashboard.see("audio-name");
  }

  /** Attend que les deux moteurs mènent chacun tant de requêtes, d'après le serveur, au plus `patience` millisecondes. */
  async function engines(wanted, patience) {
    const deadline = Date.now() + patience;
    for (;;) {
      const { status } = await (await fetch(`${base}/api/admin/status`)).json();
      const led = ["canary", "pyannote"].map((name) => {
        const { replicas } = status.models.find(({ key }) => key === name);
        return replicas.reduce((sum, { running_requests }) => sum + running_requests, 0);
      });
      if (led.join() === wanted) return;
      check(Date.now() < deadline, `après ${patience} ms, les moteurs mènent ${led} requêtes, non ${wanted}`);
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  async function run(button) {
    await dashboard.press(button);
    await dashboard.see("audio-progress");
    await dashboard.see("audio-end");
  }

  /** Clique, et attend que le son avance et que le curseur le suive. */
  async function play(target) {
    await dashboard.click(target);
    await page.waitForFunction(() => {
      const audio = document.querySelector('[data-testid="audio-player"]');
      const cursor = document.querySelector('[data-testid="audio-cursor"]');
      if (audio.paused) return false;
      window.before ??= { time: audio.currentTime, place: cursor.style.transform };
      return audio.currentTime > window.before.time && cursor.style.transform !== window.before.place;
    });
    await page.evaluate(() => {
      window.before = undefined;
    });
  }

  /** Garde ce que la page montre, et sa requête en quatre langages. */
  async function keep(task, file, result) {
    const snippets = {};
    for (const language of ["curl", "python", "node", "grpc"]) {
      await dashboard.press(`audio-snippets-${language}`);
      snippets[language] = await dashboard.text("snippet-code");
    }
    await writeFile(join(out, `page-${task}.json`), JSON.stringify({ file, result, snippets }));
  }

  async function download(extension, name) {
    await dashboard.press(`audio-download-${extension}`);
    const saved = `${name}.${extension}`;
    const deadline = Date.now() + 60_000;
    while (!(await readdir(out)).includes(saved)) {
      check(Date.now() < deadline, `${saved} n'arrive pas`);
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
  }

  async function turns() {
    const titles = await page.$$eval('[data-testid="audio-turn"]', (all) => all.map((turn) => turn.title));
    return titles.join("\n");
  }

  async function passages() {
    return page.$$eval('[data-testid="audio-passage"]', (all) =>
      all.map((row) => [...row.lastElementChild.childNodes].map((node) => node.textContent).join(" ")),
    );
  }

  function shown(name) {
    return dashboard.texts(name);
  }
});

function focused(element) {
  return document.activeElement === element;
}

console.log("tout est bon");
