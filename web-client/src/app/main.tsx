import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "~/ui/tokens.css";
import "~/ui/base.css";
import { App } from "./App";
import { registerServiceWorker } from "./serviceWorker";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root.");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
if (import.meta.env.PROD) registerServiceWorker();
