import { accessKey } from "../../api/accessKey";
import { httpFailure, messageOf, ShownError } from "../../api/errors";
import { underway } from "../../shell/underway";
import { T } from "../texts";
import { type AudioEvent, EventReader } from "./events";
import type { AudioRequest } from "./request";

/** Ce qui arrive pendant un envoi. */
export type Step = AudioEvent | { type: "sent"; bytes: number; total: number };

/** Mène une requête ; rend les étapes à mesure, et finit au résultat. */
export type Send = (request: AudioRequest, file: File, signal: AbortSignal, on: (step: Step) => void) => Promise<void>;

/** Envoie par XMLHttpRequest : `fetch` ne dit pas ce qui est déjà parti. Abandonner ferme la connexion, donc le travail. */
export const send: Send = (request, file, signal, on) => {
  const end = underway();
  return new Promise<void>((resolve, reject) => {
    const call = new XMLHttpRequest();
    const events = new EventReader();
    let read = 0;
    let sent = false;
    let heard = false;
    let done = false;

    function take() {
      // Un refus est un objet JSON, non un flux.
      if (call.status !== 200) return;
      heard = true;
      const text = call.responseText;
      for (const event of events.push(text.slice(read))) {
        if (event.type === "error") return finish(new ShownError(event.message));
        done ||= event.type === "result";
        on(event);
      }
      read = text.length;
    }

    function finish(failure?: Error) {
      signal.removeEventListener("abort", abort);
      if (failure) reject(failure);
      else resolve();
      call.abort();
    }

    function abort() {
      finish(new DOMException("annulé", "AbortError"));
    }

    call.upload.onprogress = ({ loaded, total }) => on({ type: "sent", bytes: loaded, total });
    call.upload.onload = ({ loaded }) => {
      sent = true;
      on({ type: "sent", bytes: loaded, total: loaded });
    };
    call.onprogress = take;
    call.onload = () => {
      take();
      if (call.status !== 200) finish(httpFailure(call.status, call.responseText));
      else finish(done ? undefined : new ShownError(T.interrupted));
    };
    call.onerror = () => {
      // Le code HTTP est alors effacé : ce qui était déjà passé dit seul où la connexion s'est rompue.
      finish(new ShownError(heard ? T.interrupted : sent ? messageOf(new TypeError()) : T.uploadBroken));
    };
    signal.addEventListener("abort", abort);

    call.open("POST", request.path);
    const key = accessKey();
    if (key) call.setRequestHeader("authorization", `Bearer ${key}`);
    call.send(formOf(request, file));
  }).finally(end);
};

function formOf({ fields }: AudioRequest, file: File): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", file);
  return form;
}
