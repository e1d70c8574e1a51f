/** Where the page begins: mounts the shell, knows nothing else. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./shell/App";
import { applyTheme } from "./shell/theme";
import { followLinks } from "./stores/route";
import "./ui/tokens.css";
import "./ui/base.css";

applyTheme();
followLinks();
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
