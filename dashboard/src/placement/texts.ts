// Les textes du choix de placement.
import { typeset } from "../typography";

const plural = (count: number, one: string, many = `${one}s`) => `${count} ${count > 1 ? many : one}`;
const listed = (items: readonly (string | number)[]) =>
  items.length > 1 ? `${items.slice(0, -1).join(", ")} et ${items.at(-1)}` : items.join("");

export const P = typeset({
  load: "Charger",
  resize: "Redimensionner",
  options: {
    open: "Options…",
    title: "Options du moteur",
    frozen: "Pour changer les options du moteur, déchargez d'abord le modèle.",
    fallback: (value: string) => `Profil : ${value}.`,
    json: 'En JSON : 32, true, "texte"… Vide : valeur du moteur.',
    engine: "Valeur du moteur, tant qu'on n'y touche pas.",
    notNumber: (text: string) => `« ${text} » n'est pas un nombre.`,
    notJson: "Ce n'est pas du JSON : un nombre, true, false, ou un texte entre guillemets.",
    on: "activé",
    off: "désactivé",
  },
  title: (name: string) => `Charger ${name}`,
  titleLoaded: (name: string) => `Redimensionner ${name}`,
  cancel: "Annuler",
  start: "Charger",
  startLoaded: "Appliquer",
  startRoom: "Décharger, puis charger",
  busy: "Une opération est déjà en cours sur ce modèle.",
  gpu: {
    title: "GPU",
    menu: "GPU du chargement",
    name: (index: number) => `GPU ${index}`,
    names: (indexes: readonly number[]) => `GPU ${listed(indexes)}`,
    none: "Aucun GPU choisi",
    retained: "GPU retenus, ou les plus libres si la place y manque.",
    held: "GPU tenus, et ceux que le serveur prendrait en plus.",
    chosen: "Votre choix ; le serveur le retiendra au chargement.",
    empty: "Cochez un GPU au moins, ou revenez au choix du serveur.",
    reset: "Revenir au choix du serveur",
    available: (size: string, total: string) => `${size} disponibles sur ${total}`,
    free: "Personne ne le tient.",
  },
  replicas: {
    label: "Exemplaires",
    notWhole: (text: string) => `« ${text} » n'est pas un nombre entier d'exemplaires, 1 au moins.`,
    layout: (replicas: number, per: number) =>
      per > 0
        ? `${plural(replicas, "exemplaire")} de ${per} GPU`
        : `${plural(replicas, "exemplaire")} sur le processeur`,
    explained: "Chaque exemplaire sert une part des requêtes.",
  },
  keep: {
    title: "Garder en mémoire",
    pinned: "Épinglé : jamais déchargé de lui-même, ni pour faire de la place",
    idle: "Décharger après",
    unit: "min sans requête",
    retained: (minutes: string) =>
      minutes === "0" ? "Retenu : jamais. 0 : jamais." : `Retenu : ${minutes} min. 0 : jamais.`,
    notMinutes: (text: string) => `« ${text} » n'est pas un nombre de minutes, 0 ou plus.`,
  },
  verdict: {
    title: "Avant de charger",
    titleLoaded: "Avant d'appliquer",
    checking: "Vérification…",
    fits: (layout: string, gpus: readonly number[]) =>
      gpus.length > 0
        ? `Tient : ${layout}, sur ${gpus.length > 1 ? "les" : "le"} GPU ${listed(gpus)}.`
        : `Tient : ${layout}.`,
    same: (layout: string) => `Rien à lancer : ${layout}.`,
    fewer: (layout: string, count: number) =>
      count > 1 ? `Reste ${layout} ; ${count} autres s'arrêtent.` : `Reste ${layout} ; un autre s'arrête.`,
    refused: "Ne tient pas",
    refusedOn: (gpus: readonly number[]) =>
      gpus.length > 1 ? `Ne tient pas sur les GPU ${listed(gpus)}.` : `Ne tient pas sur le GPU ${gpus[0]}.`,
    wrong: "Demande à corriger.",
    none: "Pas de verdict.",
    here: "Tient",
    seat: (gpu: number, replica: string) => `GPU ${gpu} · ${replica}`,
    needs: (need: string, available: string) => `demande ${need}, ${available} disponibles`,
    parts: { foreign: "déjà pris" },
  },
  leaving: {
    title: (replicas: readonly string[]) =>
      `${listed(replicas)} ${replicas.length > 1 ? "s'arrêteront" : "s'arrêtera"}`,
    busy: (running: number, waiting: number) => `Requêtes servies là : ${running} en cours, ${waiting} en attente.`,
    free: "Aucune requête n'y est servie en ce moment.",
    grace: (time: string | undefined) =>
      `Ce qui n'est pas fini ${time === undefined ? "au bout du délai d'arrêt du serveur" : `après ${time}`} est interrompu (PASSERELLE_STOP_GRACE).`,
  },
  room: {
    title: "Il faut faire de la place",
    would: (models: readonly string[]) => `Décharger d'abord ${listed(models)}, puis charger`,
    idle: (name: string, size: string) => (size ? `${name} est inactif et rendrait ${size}.` : `${name} est inactif.`),
    hopeless: "Décharger les modèles inactifs et non épinglés ne suffirait pas.",
  },
} as const);
