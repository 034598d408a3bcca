import { Router } from "wouter";
import { useHashLocation } from "wouter/use-hash-location";
import { AudioProvider } from "../audio/job/AudioProvider";
import { ChatProvider } from "../chat/ChatProvider";
import { LiveProvider } from "../live/LiveProvider";
import { StatusProvider } from "../status/StatusProvider";
import { Shell } from "./Shell";

/** La page entière ; l'adresse garde, après le dièse, ce qu'on y regarde. */
export function App() {
  return (
    <StatusProvider>
      <Router hook={useHashLocation}>
        <ChatProvider>
          <AudioProvider>
            <LiveProvider>
              <Shell />
            </LiveProvider>
          </AudioProvider>
        </ChatProvider>
      </Router>
    </StatusProvider>
  );
}
