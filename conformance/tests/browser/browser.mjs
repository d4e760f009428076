// Chromium, as the tests of the HTML report start it, and what they ask of every page that it opens.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// The folder with node_modules; it is never within the repository.
const tools = createRequire(join(process.env.CONFORMANCE_BROWSER_TOOLS, "from-here.js"));
const { chromium } = tools("playwright-core");
const AXE = tools("axe-core").source;

// The reports to look at, and where the screenshots go.
export const folder = process.env.CONFORMANCE_REPORTS;

export const WIDE = { width: 1200, height: 900 };
export const NARROW = { width: 360, height: 740 };

export const start = () => chromium.launch({
  executablePath: process.env.CONFORMANCE_CHROMIUM ?? "/usr/bin/chromium",
  // As root there is no sandbox; the rest keeps it from talking to anybody.
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

// Opens a report in a browser profile of its own. What the page complains of and asks the network for is kept
// in `page.complaints` and `page.requests`.
export async function open(browser, name, { viewport = WIDE, colorScheme = "light", hash = "", ...options } = {}) {
  const context = await browser.newContext({
    viewport, colorScheme, permissions: ["clipboard-read", "clipboard-write"], ...options,
  });
  const page = await context.newPage();
  page.complaints = [];
  page.requests = [];
  page.on("console", (message) => page.complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    page.complaints.push(`dialog: ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("request", (request) => page.requests.push(request.url()));
  page.url_ = pathToFileURL(join(folder, `${name}.html`)).href;
  await page.goto(page.url_ + hash);
  return page;
}

// What axe-core has against the page as it is shown now, one line each.
export async function violations(page) {
  // Not as a script of the page, which its Content-Security-Policy would refuse.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 160)}`));
}

// The lowest contrast between a text of a drawing and what is behind it (axe-core does not look into drawings).
export const worstContrastOfDrawings = (page) => page.evaluate(() => {
  const channels = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map(Number);
  const luminance = (colour) => {
    const [red, green, blue] = channels(colour).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((left, right) => left - right);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = getComputedStyle(document.body).backgroundColor;
  let worst = Infinity;
  for (const text of document.querySelectorAll("svg text, svg tspan")) {
    const marked = text.closest("g.x") ? getComputedStyle(text.closest("svg").querySelector("rect.w")).fill : behind;
    worst = Math.min(worst, contrast(getComputedStyle(text).fill, marked));
  }
  return worst;
});

// Opens everything that is folded.
export const unfold = (page) => page.evaluate(() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});

// How much wider than the window the page is.
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
