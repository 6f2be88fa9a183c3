// Before the first paint: the theme that was chosen, so that a dark room sees no flash of white.
(() => {
  let theme = "dark";
  try {
    theme = JSON.parse(localStorage.getItem("echonode.settings") ?? "{}").theme ?? "dark";
  } catch { /* nothing is remembered */ }
  const light = theme === "light" || (theme === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
