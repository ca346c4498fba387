import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  test as base,
  expect,
  type Page,
} from "@playwright/test";
import { FieldbookServer } from "./server.ts";

export { expect };

export const DESK = { viewport: { width: 1440, height: 900 } };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
  deviceScaleFactor: 2,
};

const PASSWORD = "correct horse battery";

/** Somebody at a device: a browser of their own, signed in. */
export class Person {
  readonly name: string;
  readonly context: BrowserContext;
  readonly page: Page;
  readonly server: FieldbookServer;
  /** What the console and the network complained about. */
  readonly complaints: string[] = [];

  constructor(name: string, context: BrowserContext, page: Page, server: FieldbookServer) {
    this.name = name;
    this.context = context;
    this.page = page;
    this.server = server;
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  /** Makes a document through the API and opens it. */
  async makesDocument(title: string, kind = "account_plan"): Promise<string> {
    const made = await this.#post("/api/documents", { kind, title });
    const { id } = (await made.json()) as { id: string };
    await this.opens(id);
    return id;
  }

  async opens(id: string): Promise<void> {
    await this.page.goto(`${this.server.url}/d/${id}`);
    await this.body.waitFor();
  }

  async invites(role: "owner" | "editor" | "viewer"): Promise<string> {
    return ((await (await this.#post("/api/invitations", { role })).json()) as { url: string }).url;
  }

  get body() {
    return this.page.getByRole("textbox", { name: "Document text" });
  }

  get title() {
    return this.page.getByRole("textbox", { name: "Title", exact: true });
  }

  /** What the status line says, in full. */
  get status() {
    return this.page.getByText(/^Status: /);
  }

  async saved(): Promise<void> {
    await expect(this.status).toHaveText("Status: Saved");
  }

  /** Puts the caret at the end of the first paragraph and types there. */
  async types(text: string, options?: { delay?: number }): Promise<void> {
    await this.toEndOfFirstParagraph();
    await this.page.keyboard.type(text, options);
  }

  async toEndOfFirstParagraph(): Promise<void> {
    await this.body.focus();
    await this.body.evaluate((body) => {
      const paragraph = body.querySelector("p");
      if (paragraph === null) throw new Error("The document has no paragraph.");
      const range = document.createRange();
      range.selectNodeContents(paragraph);
      range.collapse(false);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
    });
    // The editor hears of a new selection a moment later.
    await this.page.waitForTimeout(50);
  }

  get firstParagraph() {
    return this.body.locator("p").first();
  }

  async words(): Promise<string> {
    return (await this.firstParagraph.textContent()) ?? "";
  }

  /** Pastes HTML where the caret is. */
  async pastes(html: string): Promise<void> {
    await this.body.evaluate((body, html) => {
      const data = new DataTransfer();
      data.setData("text/html", html);
      body.dispatchEvent(
        new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }),
      );
    }, html);
  }

  /** Where this person sees the caret of the one with that name. */
  caretOf(name: string) {
    return this.body.locator("[aria-hidden]", { has: this.page.locator(`[data-name="${name}"]`) });
  }

  #post(path: string, data: object) {
    const { url } = this.server;
    return this.context.request.post(url + path, { data, headers: { origin: url }, failOnStatusCode: true });
  }
}

/** A workspace on a server, and people in it. */
export class World {
  readonly server: FieldbookServer;
  #browser: Browser;
  #people: Person[] = [];

  constructor(server: FieldbookServer, browser: Browser) {
    this.server = server;
    this.#browser = browser;
  }

  /** The first one owns the workspace; the others are invited. */
  async person(
    name: string,
    options: BrowserContextOptions = DESK,
    role: "editor" | "viewer" = "editor",
  ): Promise<Person> {
    const owner = this.#people[0];
    const link = owner === undefined ? await this.server.setupLink() : await owner.invites(role);
    const person = await this.stranger(name, options);
    const secret = link.split("/").at(-1);
    await person.context.request.post(`${this.server.url}/api/invitations/${secret}/accept`, {
      data: {
        name,
        password: PASSWORD,
        ...(owner === undefined ? { workspaceName: "Meridian Sales West" } : {}),
      },
      headers: { origin: this.server.url },
      failOnStatusCode: true,
    });
    return person;
  }

  /** Somebody with a browser and nothing else. */
  async stranger(name: string, options: BrowserContextOptions = DESK): Promise<Person> {
    const context = await this.#browser.newContext(options);
    const person = new Person(name, context, await context.newPage(), this.server);
    this.#people.push(person);
    return person;
  }

  async end(): Promise<void> {
    for (const { context } of this.#people) await context.close();
    await this.server.remove();
  }
}

export const test = base.extend<{ world: World }>({
  world: async ({ browser }, use) => {
    const world = new World(await FieldbookServer.start(), browser);
    await use(world);
    await world.end();
  },
});

export { PASSWORD };
