// A file that the page has made or fetched, to the browser's downloads.

const KEPT_MS = 60000; // for as long as a browser may ask where to

export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
