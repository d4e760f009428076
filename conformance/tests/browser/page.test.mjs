// The HTML report in a real Chromium: what main.rs has made of a good, a bad and a hostile target. What
// must be shown is counted from the JSON reports of the same runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { NARROW, WIDE, folder, open, overflow, start, unfold, violations, worstContrastOfDrawings } from "./browser.mjs";

// What the bad target's server does wrong.
const UNCHECKED = "does not check the version of a Request";

const PAGES = ["good", "bad", "hostile"];
const run = (name) => JSON.parse(readFileSync(join(folder, `${name}.json`)));
const visible = (page, selector) => page.locator(`${selector}:visible`).count();
const shown = (page) => visible(page, "tr.requirement");

let browser;
before(async () => { browser = await start(); });
after(() => browser.close());

for (const name of PAGES) {
  describe(`the report of a ${name} target`, () => {
    for (const [size, viewport] of [["wide", WIDE], ["narrow", NARROW]]) {
      for (const colorScheme of ["light", "dark"]) {
        test(`can be used by everybody, ${size} and ${colorScheme}`, async () => {
          const page = await open(browser, name, { viewport, colorScheme });
          await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) });
          assert.deepEqual(await violations(page), []);
          await unfold(page);
          assert.equal(await overflow(page), 0, "the page scrolls sideways");
          assert.deepEqual(await violations(page), []);
          assert.ok(await worstContrastOfDrawings(page) >= 4.5);
          const shot = { path: join(folder, `${name}-${size}-${colorScheme}-failure.png`) };
          if (name !== "good") await page.locator(".problem").last().screenshot(shot);
          assert.deepEqual(page.complaints, []);
          assert.deepEqual(page.requests, [page.url_]);
          await page.context().close();
        });
      }
    }

    test("has each name once, nothing of another page, and stands still", async () => {
      const page = await open(browser, name);
      const found = await page.evaluate(() => {
        const ids = Array.from(document.querySelectorAll("[id]"), (element) => element.id);
        const links = Array.from(document.querySelectorAll("a"), (link) => link.getAttribute("href"));
        return {
          twice: ids.filter((id, place) => ids.indexOf(id) !== place),
          dead: links.filter((href) => !href.startsWith("#") || !document.getElementById(href.slice(1))),
          foreign: document.querySelectorAll("script, iframe, object, embed, img, link, b[id], base").length - 1,
          moving: document.getAnimations().length,
        };
      });
      assert.deepEqual(found, { twice: [], dead: [], foreign: 0, moving: 0 });
      await page.context().close();
    });

    test("holds every requirement and every case of the run", async () => {
      const { requirements, cases } = run(name);
      const page = await open(browser, name);
      assert.equal(await shown(page), requirements.length);
      for (const { id, outcome } of requirements) {
        const row = page.locator("tr.requirement", { has: page.locator(`[id="${id}"]`) });
        assert.equal(await row.getAttribute("data-outcome"), outcome, id);
      }
      const played = cases.filter((it) => it.outcome !== "skip").length;
      assert.equal(await page.locator(".case").count(), played);
      const drawn = cases.filter((it) => it.transcript.length > 0).length;
      assert.equal(await page.locator("svg[role=img] > desc").count(), drawn);
      await page.context().close();
    });
  });
}

describe("the filters", () => {
  let page;
  before(async () => { page = await open(browser, "bad"); });
  after(() => page.context().close());
  const { requirements } = run("bad");
  const count = (test) => requirements.filter(test).length;
  const told = () => page.locator("#shown").textContent();

  for (const outcome of new Set(requirements.map((it) => it.outcome))) {
    test(`leave what came out as ${outcome}`, async () => {
      await page.getByRole("button", { name: "Show all" }).click();
      for (const box of await page.locator("input[name=outcome]").all()) {
        await box.setChecked(await box.getAttribute("value") === outcome);
      }
      const expected = count((it) => it.outcome === outcome);
      assert.equal(await shown(page), expected);
      assert.equal(await visible(page, `tr.requirement[data-outcome=${outcome}]`), expected);
      assert.equal(await told(), `${expected} of ${requirements.length} shown`);
    });
  }

  test("leave a level, an area, and both together", async () => {
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByLabel("SHOULD").uncheck();
    await page.getByLabel("HARDEN").uncheck();
    assert.equal(await shown(page), count((it) => it.level === "must"));
    await page.getByLabel("Area").selectOption("INV");
    const both = count((it) => it.level === "must" && it.id.startsWith("INV"));
    assert.ok(both > 0);
    assert.equal(await shown(page), both);
    assert.equal(await visible(page, "tr.area"), 1);
  });

  test("find words and say when nothing is left", async () => {
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByLabel("Search").fill("inv-1");
    assert.equal(await shown(page), 1);
    await page.getByLabel("Search").fill("request-version");
    assert.equal(await shown(page), count((it) => it.cases.some((id) => id.includes("request-version"))));
    await page.getByLabel("Search").fill("no such words");
    assert.equal(await shown(page), 0);
    assert.ok(await page.locator("#nothing").isVisible());
    await page.getByRole("button", { name: "Show all" }).click();
    assert.equal(await shown(page), requirements.length);
    assert.ok(await page.locator("#nothing").isHidden());
    assert.equal(await page.getByLabel("Search").inputValue(), "");
  });

  test("give way to a link to what they hide", async () => {
    await page.getByLabel("Search").fill("no such words");
    await page.locator(".overview a", { hasText: UNCHECKED }).click();
    await page.getByRole("link", { name: "All about INV-1" }).click();
    await page.locator("[id=INV-1]").waitFor();
    assert.equal(await shown(page), requirements.length);
  });
});

describe("the bad target's page", () => {
  test("shows the first wrong byte of a failure, its drawing and its command", async () => {
    const page = await open(browser, "bad");
    const problem = page.locator(".problem", { hasText: UNCHECKED });
    await problem.getByRole("heading").click();
    const table = problem.locator("table.bytes");
    assert.match(await table.locator("thead").textContent(), /version\s*message_type\s*test_port/);
    assert.match(await table.locator("mark").textContent(), /^01/);
    assert.match(await problem.locator("svg g.x").textContent(), /✗ Reply, port \d+01version02message_type.. ..test_port$/);
    assert.equal(await problem.locator("svg .m").textContent(), "01");
    const command = await problem.locator(".command code").textContent();
    assert.match(command, /^conformance --target-bin \S+ --case 'server\/invalid\/request-version\[\w+\]'$/);
    await problem.getByRole("button", { name: "Copy" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command);
    await page.context().close();
  });

  test("opens what a link leads to, on the page and from outside", async () => {
    const page = await open(browser, "bad");
    await page.locator(".overview a").nth(1).click();
    await page.locator("#fix-2").waitFor();
    const index = await page.locator("tr.requirement .case").first().evaluate((it) => it.id);
    assert.ok(await page.locator(`#${index}`).isHidden());
    await page.context().close();
    const again = await open(browser, "bad", { hash: `#${index}` });
    await again.locator(`#${index}`).waitFor();
    await again.context().close();
  });

  test("is worked with the keyboard alone", async () => {
    const page = await open(browser, "bad");
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(":focus").textContent(), "To the summary");
    const box = await page.locator(":focus").boundingBox();
    assert.ok(box.x >= 0, "the link to the content is not shown when it is reached");
    await page.locator("input[name=outcome]").first().focus();
    const before = await shown(page);
    await page.keyboard.press("Space");
    assert.ok(await shown(page) < before);
    await page.keyboard.press("Space");
    assert.equal(await shown(page), before);
    await page.getByLabel("Search").focus();
    await page.keyboard.type("tmo-1");
    assert.equal(await shown(page), 1);
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(":focus").textContent(), "Show all");
    await page.keyboard.press("Enter");
    assert.equal(await shown(page), before);
    const first = page.locator("tr.requirement details").first();
    await first.locator("summary").first().focus();
    await page.keyboard.press("Enter");
    assert.ok(await first.locator(".told").isVisible());
    await page.context().close();
  });

  test("can be read without scripts", async () => {
    const page = await open(browser, "bad", { javaScriptEnabled: false });
    assert.ok(await page.locator("#filters").isHidden());
    assert.equal(await page.locator("button:visible").count(), 0);
    assert.ok(await page.locator("#fix-1 svg").first().isVisible());
    const row = page.locator("tr.requirement").first();
    assert.ok(await row.locator(".told").isHidden());
    await row.locator("summary").first().click();
    assert.ok(await row.locator(".told").isVisible());
    await page.context().close();
  });

  test("is printed unfolded and without what only a screen needs", async () => {
    const page = await open(browser, "bad", { colorScheme: "dark" });
    await page.emulateMedia({ media: "print" });
    assert.ok(await page.locator("#filters").isHidden());
    assert.ok(await page.locator("nav").isHidden());
    assert.equal(await page.locator("button.copy:visible").count(), 0);
    for (const told of await page.locator(".problem .told, tr.requirement > .title > details > .told").all()) {
      assert.ok(await told.isVisible(), "a failure or a requirement is folded on paper");
    }
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(paper, "rgb(255, 255, 255)");
    await page.pdf({ path: join(folder, "bad.pdf"), format: "A4" });
    await page.context().close();
  });
});

test("light and dark differ", async () => {
  const colours = [];
  for (const colorScheme of ["light", "dark"]) {
    const page = await open(browser, "good", { colorScheme });
    colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    await page.context().close();
  }
  assert.notEqual(colours[0], colours[1]);
});

test("what a hostile target prints is shown as text", async () => {
  const page = await open(browser, "hostile");
  await unfold(page);
  const output = await page.locator("pre.output").first().textContent();
  assert.match(output, /<\/script><script>document\.title = "pwned"<\/script><b id="pwned">/);
  assert.match(output, /\\u\{1b\}\[31m/);
  assert.match(output, /\\u\{0\}/);
  assert.doesNotMatch(await page.title(), /pwned/);
  assert.equal(await page.locator("#pwned").count(), 0);
  await page.context().close();
});
