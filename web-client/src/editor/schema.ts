import { ImmutableString } from "@automerge/automerge-repo/slim";
import { type MappedSchemaSpec, SchemaAdapter } from "@automerge/prosemirror";
import type { Node } from "prosemirror-model";

/** Heading levels that we make; others' deeper ones are shown like the last. */
const DEEPEST_HEADING = 6;

/**
 * The rich text of a body: Automerge's own block and mark names (so that other clients read it), drawn our way.
 *
 * Different from the package's basic schema: a document's title is the page's h1, so headings start at h2; a link never runs a script;
 * an image is named instead of fetched, since we talk to no third party.
 */
const spec: MappedSchemaSpec = {
  nodes: {
    doc: { content: "block+" },
    paragraph: {
      automerge: { block: "paragraph" },
      content: "inline*",
      group: "block",
      parseDOM: [{ tag: "p" }],
      toDOM: () => ["p", 0],
    },
    unknownBlock: {
      automerge: { unknownBlock: true },
      group: "block",
      content: "block+",
      parseDOM: [{ tag: "div[data-unknown-block]" }],
      toDOM: () => ["div", { "data-unknown-block": "true" }, 0],
    },
    blockquote: {
      automerge: { block: "blockquote" },
      content: "block+",
      group: "block",
      defining: true,
      parseDOM: [{ tag: "blockquote" }],
      toDOM: () => ["blockquote", 0],
    },
    heading: {
      automerge: {
        block: "heading",
        attrParsers: {
          fromAutomerge: (block) => ({ level: headingLevel(block.attrs.level) }),
          fromProsemirror: (node) => ({ level: headingLevel(node.attrs.level) }),
        },
      },
      attrs: { level: { default: 1 } },
      content: "inline*",
      group: "block",
      defining: true,
      parseDOM: [
        {
          tag: "[data-level]",
          getAttrs: (element) => ({ level: headingLevel(Number(element.dataset.level)) }),
        },
        ...[1, 2, 3, 4, 5, 6].map((level) => ({ tag: `h${level}`, attrs: { level } })),
      ],
      toDOM: (node) => {
        const level = headingLevel(node.attrs.level);
        return [`h${Math.min(level + 1, DEEPEST_HEADING)}`, { "data-level": String(level) }, 0];
      },
    },
    code_block: {
      automerge: { block: "code-block" },
      content: "text*",
      marks: "",
      group: "block",
      code: true,
      defining: true,
      parseDOM: [{ tag: "pre", preserveWhitespace: "full" }],
      toDOM: () => ["pre", ["code", 0]],
    },
    text: { group: "inline" },
    image: {
      automerge: {
        block: "image",
        isEmbed: true,
        attrParsers: {
          fromAutomerge: (block) => ({
            src: block.attrs.src?.toString() ?? null,
            alt: block.attrs.alt,
            title: block.attrs.title,
          }),
          fromProsemirror: (node) => ({
            src: new ImmutableString(String(node.attrs.src ?? "")),
            alt: node.attrs.alt,
            title: node.attrs.title,
          }),
        },
      },
      inline: true,
      attrs: { src: { default: null }, alt: { default: null }, title: { default: null } },
      group: "inline",
      toDOM: (node) => ["span", { "data-image": "true" }, imageName(node)],
    },
    ordered_list: {
      group: "block",
      content: "list_item+",
      attrs: { order: { default: 1 } },
      parseDOM: [{ tag: "ol" }],
      toDOM: () => ["ol", 0],
    },
    bullet_list: {
      group: "block",
      content: "list_item+",
      parseDOM: [{ tag: "ul" }],
      toDOM: () => ["ul", 0],
    },
    list_item: {
      automerge: {
        block: { within: { ordered_list: "ordered-list-item", bullet_list: "unordered-list-item" } },
      },
      content: "paragraph block*",
      defining: true,
      parseDOM: [{ tag: "li" }],
      toDOM: () => ["li", 0],
    },
    aside: {
      automerge: { block: "aside" },
      content: "block+",
      group: "block",
      defining: true,
      parseDOM: [{ tag: "aside" }],
      toDOM: () => ["aside", 0],
    },
  },
  marks: {
    link: {
      attrs: { href: {}, title: { default: null } },
      inclusive: false,
      parseDOM: [
        {
          tag: "a[href]",
          getAttrs: (element) => {
            const href = safeHref(element.getAttribute("href") ?? "");
            return href === null ? false : { href, title: element.getAttribute("title") };
          },
        },
      ],
      toDOM: (mark) => {
        const href = safeHref(String(mark.attrs.href));
        return [
          "a",
          { href, title: mark.attrs.title, rel: "noopener noreferrer nofollow", target: "_blank" },
          0,
        ];
      },
      automerge: {
        markName: "link",
        parsers: {
          fromAutomerge: (value) => readLink(value),
          fromProsemirror: (mark) => JSON.stringify({ href: mark.attrs.href, title: mark.attrs.title }),
        },
      },
    },
    // `inclusive` is said outright: the package reads it in two ways when it is left out.
    em: {
      inclusive: true,
      parseDOM: [{ tag: "i" }, { tag: "em" }, { style: "font-style=italic" }],
      toDOM: () => ["em", 0],
      automerge: { markName: "em" },
    },
    strong: {
      inclusive: true,
      parseDOM: [
        { tag: "strong" },
        // Google Docs wraps whatever is copied from it into a <b> of normal weight.
        { tag: "b", getAttrs: (element) => (element.style.fontWeight === "normal" ? false : null) },
        {
          style: "font-weight",
          getAttrs: (value) => (/^(bold(er)?|[5-9]\d{2})$/.test(value) ? null : false),
        },
      ],
      toDOM: () => ["strong", 0],
      automerge: { markName: "strong" },
    },
  },
};

export const bodySchema = new SchemaAdapter(spec);

/** The address of a link if it is one that may be followed, else null. Addresses without a scheme get https. */
export function safeHref(href: string): string | null {
  const trimmed = href.trim();
  if (trimmed === "" || /\s/.test(trimmed)) return null;
  if (/^(https?:\/\/|mailto:|tel:)/i.test(trimmed)) return trimmed;
  if (/^[\w.+-]+@[\w-]+(\.[\w-]+)+$/.test(trimmed)) return `mailto:${trimmed}`;
  if (/^[\w-]+(\.[\w-]+)+([/?#:].*)?$/.test(trimmed)) return `https://${trimmed}`;
  return null;
}

function headingLevel(level: unknown): number {
  return typeof level === "number" && Number.isFinite(level)
    ? Math.min(DEEPEST_HEADING, Math.max(1, Math.round(level)))
    : 1;
}

function imageName(node: Node): string {
  return `Image: ${node.attrs.alt || node.attrs.title || node.attrs.src || "without a name"}`;
}

function readLink(value: unknown): { href: string; title: string | null } {
  try {
    const link: unknown = JSON.parse(String(value));
    if (typeof link === "object" && link !== null) {
      const { href, title } = link as { href?: unknown; title?: unknown };
      return { href: typeof href === "string" ? href : "", title: typeof title === "string" ? title : null };
    }
  } catch {
    // A link of a client that writes plain addresses.
  }
  return { href: typeof value === "string" ? value : "", title: null };
}
