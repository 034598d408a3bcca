// Les textes de l'en-tête, du menu et de la clé.
import { typeset } from "../typography";

/** Ce qu'est devenue une clé que le serveur a connue. */
const ENDED: Record<string, string> = { REVOKED_API_KEY: "elle a été révoquée", EXPIRED_API_KEY: "elle a expiré" };

export const T = typeset({
  subtitle: "Conversation, parole et locuteurs, sur votre serveur.",
  profile: (name: string) => `profil ${name}`,
  version: (number: string) => `version ${number}`,
  menu: "Menu",
  skip: "Aller au contenu",
  trial: "Essayer",
  server: "Serveur",
  more: "Plus",
  failures: (count: number) => (count > 1 ? `${count} échecs à regarder` : "1 échec à regarder"),
  scheme: {
    label: "Apparence",
    light: "Clair",
    dark: "Sombre",
    system: "Comme le système",
  },
  key: {
    title: "Clé d'accès",
    help: "Elle part dans un en-tête, jamais dans une adresse.",
    open: "Ce serveur n'a pas de clé : qui le joint s'en sert, et le pilote. OPENAI_KEYS et ADMIN_KEYS le ferment.",
    malformed: "Une clé n'a ni espace ni accent.",
    refused: (reason: string) => `Cette clé est refusée : ${ENDED[reason] ?? "le serveur ne la connaît pas"}.`,
    show: "Montrer la clé",
    hide: "Cacher la clé",
    remember: "Se souvenir sur ce poste",
    rememberHelp: "Sinon, elle est oubliée quand cet onglet se ferme.",
    cannotRemember:
      "Ce navigateur refuse de retenir quoi que ce soit ici : la clé sera à redonner après un rechargement.",
    use: "Utiliser et vérifier",
    forget: "Oublier la clé",
    close: "Fermer",
    checking: "Vérification…",
    unreachable: "Le serveur ne répond pas : la clé sera vérifiée à son retour.",
    opensAll: "Clé acceptée : elle ouvre l'inférence et l'administration.",
    opensAdmin: "Clé acceptée pour l'administration ; converser et transcrire demandent une autre portée.",
    opensNothing: "Clé acceptée, qui n'ouvre ni l'inférence, ni l'administration.",
    opensInference: "Clé acceptée pour l'inférence ; agir sur les modèles en demande une d'administration.",
    uselessHere: "Ce serveur n'exige aucune clé : celle-ci ne change rien.",
    needs: {
      none: "Ce serveur n'exige aucune clé.",
      admin:
        "Converser et transcrire sont libres ; agir sur les modèles demande une clé d'administration (ADMIN_KEYS).",
      both: "Converser et transcrire demandent une clé d'inférence (OPENAI_KEYS) ; agir sur les modèles, une clé d'administration (ADMIN_KEYS, ou OPENAI_KEYS s'il n'y en a pas d'autres). Celle d'administration ouvre tout.",
    },
    state: {
      none: "Clé",
      missing: "Clé requise",
      given: "Clé donnée",
      refused: "Clé refusée",
      accepted: "Clé acceptée",
    },
  },
  unknown: {
    title: "Cette adresse ne mène à aucune page",
    advice: (path: string) => `Le tableau de bord n'a rien à « ${path} » : le lien est ancien, ou mal recopié.`,
    home: "Aller aux modèles",
  },
  missing: {
    title: "Une partie du tableau de bord n'a pas pu être lue",
    advice:
      "Le serveur ne répond pas, ou il a été mis à jour depuis l'ouverture du tableau de bord. Rechargez : l'adresse ramène ici.",
  },
  crash: {
    title: "Cette page a rencontré une erreur",
    advice:
      "Le serveur n'est pas en cause et continue. Rechargez la page ; si l'erreur revient, signalez le détail ci-dessous.",
    detail: "Détail",
    reload: "Recharger la page",
  },
} as const);
