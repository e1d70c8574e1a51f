// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from "vitest";

beforeEach(() => {
  localStorage.clear();
  vi.resetModules();
});

describe("the theme", () => {
  it("is the system's until another is chosen, and then on the page and kept", async () => {
    const { applyTheme, theme } = await import("./theme");
    const root = document.createElement("html");
    applyTheme(root);
    expect(root.dataset.theme).toBeUndefined();
    theme.set("dark");
    expect(root.dataset.theme).toBe("dark");
    expect(localStorage.getItem("sightline.theme")).toBe("dark");
    theme.set("system");
    expect(root.dataset.theme).toBeUndefined();
  });

  it("is there at once on the next load, and changes with the other tabs", async () => {
    localStorage.setItem("sightline.theme", "light");
    const { applyTheme } = await import("./theme");
    const root = document.createElement("html");
    applyTheme(root);
    expect(root.dataset.theme).toBe("light");
    dispatchEvent(new StorageEvent("storage", { key: "sightline.theme", newValue: "dark" }));
    expect(root.dataset.theme).toBe("dark");
  });

  it.each(["neon", "", "__proto__"])("is the system's where %j stands there", async (word) => {
    localStorage.setItem("sightline.theme", word);
    const { theme } = await import("./theme");
    expect(theme.get()).toBe("system");
  });
});
