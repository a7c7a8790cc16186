/** Nothing is loaded from another origin. The policy forbids it anyway; this says so before anybody sees it. */

const IN_STYLES = /(?:@import\s+|url\(\s*)["']?(?:https?:)?\/\/[^"')\s]+/g;
const IN_SCRIPTS =
  /\b(?:import|importScripts|fetch|WebSocket|EventSource|Worker)\s*\(?\s*["'`](?:https?|wss?):\/\/[^"'`]+/g;

export function foreignLoads(files) {
  return files.flatMap(({ path, type, content, page }) => {
    const found = page
      ? page.loads.filter((url) => /^([a-z]+:)?\/\//i.test(url))
      : (content.toString('latin1').match(patternFor(type)) ?? []);
    return found.map((what) => `${path}: loads from another origin: ${what}`);
  });
}

function patternFor(type) {
  if (type.startsWith('text/css')) return IN_STYLES;
  return type.startsWith('text/javascript') ? IN_SCRIPTS : /(?!)/;
}
