import {
  mdiAccountVoice,
  mdiChartLine,
  mdiChatOutline,
  mdiConnection,
  mdiCubeOutline,
  mdiFormatListBulleted,
  mdiHistory,
  mdiKeyOutline,
  mdiMicrophoneOutline,
  mdiServer,
  mdiTelevision,
} from "@mdi/js";
import type { ComponentType } from "react";
import { formatted } from "../chat/formatted";
import { logDialog } from "../models/logs/LogButton";
import { ModelsPage } from "../models/ModelsPage";
import { placementDialog } from "../placement/LoadAction";
import { french } from "../typography";
import { usageChart } from "../usage/chart";
import { keyDialog } from "./KeyButton";
import { later } from "./later";

export interface Page {
  /** Chemin, après le dièse de l'adresse. */
  path: string;
  label: string;
  /** Libellé de la barre d'un téléphone, quand l'autre n'y tient pas. */
  short?: string;
  icon: string;
  view: ComponentType;
  /** Lit d'avance le programme de la page ; absent de l'accueil, qui vient avec le reste. */
  preload?: () => void;
  /** Vrai pour une page d'« Essayer ». */
  trial?: boolean;
  /** Vrai pour une page que la barre d'un téléphone met dans son dernier menu. */
  tucked?: boolean;
  /** Vrai pour une page qui sait se montrer seule, sans en-tête ni menu (`?plein` dans son adresse). */
  alone?: boolean;
}

const machine = later(async () => (await import("../machine/MachinePage")).MachinePage);
const chat = later(async () => (await import("../chat/Chat")).ChatPage);
const audio = later(async () => (await import("../audio/AudioPage")).AudioPage);
const live = later(async () => (await import("../live/LivePage")).LivePage);
const endpoints = later(async () => (await import("../endpoints/EndpointsPage")).EndpointsPage);
const keys = later(async () => (await import("../keys/KeysPage")).KeysPage);
const wall = later(async () => (await import("../wall/WallPage")).WallPage);
const requests = later(async () => (await import("../requests/RequestsPage")).RequestsPage);
const usage = later(async () => (await import("../usage/UsagePage")).UsagePage);
const activity = later(async () => (await import("../activity/ActivityPage")).ActivityPage);

/** Les pages, dans l'ordre du menu ; la première est l'accueil. */
export const PAGES: Page[] = [
  { path: "/", label: "Modèles", icon: mdiCubeOutline, view: ModelsPage },
  { path: "/machine", label: "Machine", icon: mdiServer, ...machine },
  { path: "/essayer/conversation", label: "Conversation", icon: mdiChatOutline, ...chat, trial: true },
  { path: "/essayer/audio", label: "Fichier audio", icon: mdiAccountVoice, ...audio, trial: true },
  { path: "/essayer/micro", label: "Micro", icon: mdiMicrophoneOutline, ...live, trial: true },
  { path: "/acces", label: french("Points d'accès"), short: "Accès", icon: mdiConnection, ...endpoints },
  { path: "/cles", label: "Clés", icon: mdiKeyOutline, ...keys, tucked: true },
  { path: "/requetes", label: "Requêtes", icon: mdiFormatListBulleted, ...requests },
  { path: "/usage", label: "Usage", icon: mdiChartLine, ...usage, tucked: true },
  { path: "/mur", label: "Mur", icon: mdiTelevision, ...wall, alone: true },
  { path: "/activite", label: "Activité", icon: mdiHistory, ...activity },
];

/** Ce qui n'est lu que plus tard. */
export const PARTS = [...PAGES, formatted, placementDialog, logDialog, keyDialog, usageChart];
