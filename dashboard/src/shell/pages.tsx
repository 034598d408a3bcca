import {
  mdiAccountVoice,
  mdiChatOutline,
  mdiConnection,
  mdiCubeOutline,
  mdiHistory,
  mdiMicrophoneOutline,
  mdiServer,
} from "@mdi/js";
import type { ComponentType } from "react";
import { ActivityPage } from "../activity/ActivityPage";
import { AudioPage } from "../audio/AudioPage";
import { ChatPage } from "../chat/ChatPage";
import { EndpointsPage } from "../endpoints/EndpointsPage";
import { LivePage } from "../live/LivePage";
import { MachinePage } from "../machine/MachinePage";
import { ModelsPage } from "../models/ModelsPage";

export interface Page {
  /** Chemin, après le dièse de l'adresse. */
  path: string;
  label: string;
  icon: string;
  view: ComponentType;
  /** Vrai pour une page d'« Essayer ». */
  trial?: boolean;
}

/** Les pages, dans l'ordre du menu ; la première est l'accueil. */
export const PAGES: Page[] = [
  { path: "/", label: "Modèles", icon: mdiCubeOutline, view: ModelsPage },
  { path: "/machine", label: "Machine", icon: mdiServer, view: MachinePage },
  { path: "/essayer/conversation", label: "Conversation", icon: mdiChatOutline, view: ChatPage, trial: true },
  { path: "/essayer/audio", label: "Fichier audio", icon: mdiAccountVoice, view: AudioPage, trial: true },
  { path: "/essayer/micro", label: "Micro", icon: mdiMicrophoneOutline, view: LivePage, trial: true },
  { path: "/acces", label: "Points d'accès", icon: mdiConnection, view: EndpointsPage },
  { path: "/activite", label: "Activité", icon: mdiHistory, view: ActivityPage },
];
